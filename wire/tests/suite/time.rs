//! Times: every form in which clients send them, and the unit that the size of a number shows.

use lamplight_wire::batch::Body;
use lamplight_wire::event::Event;
use lamplight_wire::reason::InvalidReason;
use lamplight_wire::time::{ClientTime, SentAt, TimeGuess};
use proptest::prelude::*;

const SECONDS: Option<TimeGuess> = Some(TimeGuess::Seconds);
const MICROSECONDS: Option<TimeGuess> = Some(TimeGuess::Microseconds);
const NANOSECONDS: Option<TimeGuess> = Some(TimeGuess::Nanoseconds);
const UTC: Option<TimeGuess> = Some(TimeGuess::Utc);

fn ts(json: &str) -> Result<Option<ClientTime>, InvalidReason> {
    let text = format!(r#"{{"name":"a","ts":{json}}}"#);
    Event::read(&text).map(|event| event.ts).map_err(|invalid| invalid.reason)
}

fn sent_at(json: &str) -> SentAt {
    let text = format!(r#"{{"sent_at":{json},"events":[{{"name":"a"}}]}}"#);
    Body::read(&text).unwrap().sent_at
}

#[test]
fn a_time_is_read_in_every_form_and_both_fields_take_the_same() {
    for (json, ms, guess) in [
        ("0", 0, None),
        ("-1", -1, None),
        ("1.9", 1, None),
        ("-1.9", -1, None),
        ("99999999", 99_999_999, None),
        ("100000000", 100_000_000_000, SECONDS),
        ("1790000000", 1_790_000_000_000, SECONDS),
        ("1790000000.123", 1_790_000_000_123, SECONDS),
        ("1790000000.9996", 1_790_000_001_000, SECONDS),
        ("1.79e9", 1_790_000_000_000, SECONDS),
        ("-100000000", -100_000_000_000, SECONDS),
        ("9999999999", 9_999_999_999_000, SECONDS),
        ("10000000000", 10_000_000_000, None),
        ("1790000000123", 1_790_000_000_123, None),
        ("1790000000123.75", 1_790_000_000_123, None),
        ("-62135596800000", -62_135_596_800_000, None),
        ("99999999999999", 99_999_999_999_999, None),
        ("100000000000000", 100_000_000_000, MICROSECONDS),
        ("1790000000123999", 1_790_000_000_123, MICROSECONDS),
        ("1790000000123999.5", 1_790_000_000_123, MICROSECONDS),
        ("99999999999999999", 99_999_999_999_999, MICROSECONDS),
        ("100000000000000000", 100_000_000_000, NANOSECONDS),
        ("1790000000123999999", 1_790_000_000_123, NANOSECONDS),
        ("1e18", 1_000_000_000_000, NANOSECONDS),
        ("99999999999999999999", 99_999_999_999_999, NANOSECONDS),
        (r#""1970-01-01T00:00:00.001Z""#, 1, None),
        (r#""0001-01-01T00:00:00Z""#, -62_135_596_800_000, None),
        (r#""2026-01-31T12:00:00.25+01:00""#, 1_769_857_200_250, None),
        (r#""2026-01-31 11:00:00Z""#, 1_769_857_200_000, None),
        (r#""2026-01-31T11:00:00.25""#, 1_769_857_200_250, UTC),
        (r#""2026-01-31""#, 1_769_817_600_000, UTC),
        (r#""9999-12-30T20:00:00""#, 253_402_200_000_000, UTC),
        (r#""1790000000123""#, 1_790_000_000_123, None),
        (r#"" 1790000000 ""#, 1_790_000_000_000, SECONDS),
    ] {
        let want = ClientTime { ms, guess };
        assert_eq!(ts(json), Ok(Some(want)), "{json}");
        assert_eq!(sent_at(json), SentAt::At(want), "{json}");
    }
}

#[test]
fn what_is_no_time_makes_an_event_invalid_and_never_a_request() {
    for json in [
        "100000000000000000000",
        "-100000000000000000000",
        "1e300",
        "true",
        "[]",
        "{}",
        r#""""#,
        r#"" ""#,
        r#""yesterday""#,
        r#""+1790000000""#,
        r#""NaN""#,
        r#""-000001-12-31T00:00:00Z""#,
        r#""2026-13-01T00:00:00Z""#,
    ] {
        assert_eq!(ts(json), Err(InvalidReason::TsInvalid), "{json}");
        assert_eq!(sent_at(json), SentAt::Unreadable, "{json}");
    }
    assert_eq!(ts("null"), Ok(None));
    assert_eq!(sent_at("null"), SentAt::Absent);
    assert_eq!(sent_at("null").ms(), None);
}

proptest! {
    /// From March 1973 to the year 2286, a time is the same in every unit.
    #[test]
    fn every_unit_gives_the_same_time(ms in 100_000_000_000_i64..10_000_000_000_000) {
        for (json, want) in [
            (format!("{}", ms / 1_000), ms / 1_000 * 1_000),
            (format!("{}.{:03}", ms / 1_000, ms % 1_000), ms),
            (format!("{ms}"), ms),
            (format!("{ms}999"), ms),
            (format!("{ms}999999"), ms),
            (format!("\"{}\"", jiff::Timestamp::from_millisecond(ms).unwrap()), ms),
        ] {
            prop_assert_eq!(ts(&json).unwrap().map(|time| time.ms), Some(want), "{}", json);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".*", number: f64) {
        let json = serde_json::to_string(&text).unwrap();
        let _ = (ts(&json), sent_at(&json));
        let _ = number.is_finite().then(|| ts(&format!("{number:e}")));
    }
}
