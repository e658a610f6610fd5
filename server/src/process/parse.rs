//! Turns a payload's bytes into a plan. Pure: the same bytes and enrichers give the same plan.

use std::borrow::Cow;

use bytes::Bytes;
use lamplight_wire::batch::{Body, BodyError};
use lamplight_wire::event::{self, Event};
use lamplight_wire::time::SentAt;

use super::doubts::{Doubts, refused_traits};
use super::enrich::Enrichers;
use super::happened::happened_ms;
use super::refused::refuse;
use super::row_id::row_id;
use crate::formats::decompress::DecompressError;
use crate::formats::lamplight;
use crate::store::{
    EventColumns, EventIdentity, PayloadMetadata, Plan, PlannedEvent, PlannedOutcome,
};

/// A payload cannot be read. Intake could read it, so a bug or the disk is the cause: the payload
/// is kept and retried.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// It cannot be decompressed.
    #[error(transparent)]
    Decompress(#[from] DecompressError),
    /// It is not a batch.
    #[error("read the payload: {0}")]
    Body(#[from] BodyError),
}

/// Decides about every event of a payload.
///
/// # Errors
/// [`ParseError`], when the payload cannot be read.
pub fn plan(
    metadata: &PayloadMetadata,
    body: &Bytes,
    attempt: u32,
    enrichers: &Enrichers,
) -> Result<Plan, ParseError> {
    let text = lamplight::text(metadata.encoding, body)?;
    let body = Body::read(&text)?;
    let mut shared = enrichers.shared(metadata);
    let events = (0..)
        .zip(&body.events)
        .map(|(index, text)| {
            let (identity, outcome) = match Event::read(text) {
                Ok(event) => {
                    let (identity, mut columns, doubts) =
                        columns(event, body.sent_at, metadata.received_ms);
                    columns.enrichment_json =
                        enrichers.enrich(&mut shared, &columns, doubts.members());
                    (identity, PlannedOutcome::Store(Box::new(columns)))
                }
                Err(invalid) => refuse(text, invalid),
            };
            let id = row_id(metadata.id, metadata.received_ms, index);
            PlannedEvent { id, index, identity, outcome }
        })
        .collect();
    Ok(Plan {
        payload: metadata.id,
        received_ms: metadata.received_ms,
        created_day: day(metadata.received_ms),
        source: metadata.source.clone(),
        is_secret: metadata.is_secret(),
        attempt,
        notes: body.producers,
        events,
    })
}

fn columns(
    event: Event<'_>,
    sent_at: SentAt,
    received_ms: i64,
) -> (EventIdentity, EventColumns, Doubts) {
    let (time_ms, time) = happened_ms(event.ts, sent_at, received_ms);
    let columns = EventColumns {
        kind: event.kind,
        name: event.name.into_owned(),
        ts_ms: event.ts.map(|ts| ts.ms),
        time_ms,
        user_id: event.user.id,
        anonymous_id: event.user.anonymous_id,
        session: event.session.map(Cow::into_owned),
        properties_json: event.properties_json.map(str::to_owned),
        context_json: event.context_json.map(str::to_owned),
        monitor_json: event.monitor.map(|(_, json)| json.to_owned()),
        enrichment_json: None,
    };
    let user = event.user.placeholders;
    let refused_traits = refused_traits(&columns);
    (identity(event.identity), columns, Doubts { time, user, refused_traits })
}

pub(super) fn identity(of: event::EventIdentity<'_>) -> EventIdentity {
    match of {
        event::EventIdentity::Numbered(producer, seq) => EventIdentity::Numbered(producer, seq),
        event::EventIdentity::ClientId(name) => EventIdentity::ClientId(name.into_owned()),
        event::EventIdentity::Anonymous => EventIdentity::Anonymous,
    }
}

/// The day of a time, UTC, as the number `YYYYMMDD`; 0 for a time outside the years 1 to 9999.
fn day(ms: i64) -> u32 {
    let Ok(time) = jiff::Timestamp::from_millisecond(ms) else { return 0 };
    let date = jiff::tz::Offset::UTC.to_datetime(time).date();
    let (year, month, day) =
        (i32::from(date.year()), i32::from(date.month()), i32::from(date.day()));
    u32::try_from(year * 10_000 + month * 100 + day).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Encoding, PayloadId};
    use uuid::Uuid;

    fn planned(body: &str) -> Result<Plan, ParseError> {
        let metadata = PayloadMetadata {
            id: PayloadId(Uuid::from_u128(7)),
            received_ms: 1_700_000_000_000,
            key_id: "wk_1".into(),
            source: "web".into(),
            encoding: Encoding::Identity,
            events: 1,
            unpacked_bytes: 1,
            user_agent: None,
            origin: None,
            client: None,
        };
        plan(&metadata, &body.to_owned().into(), 1, &Enrichers::default())
    }

    fn only(body: &str) -> PlannedEvent {
        let mut plan = planned(body).unwrap();
        assert_eq!(plan.events.len(), 1);
        plan.events.remove(0)
    }

    fn stored(body: &str) -> EventColumns {
        match only(body).outcome {
            PlannedOutcome::Store(columns) => *columns,
            PlannedOutcome::Refuse { detail, .. } => panic!("{detail}"),
        }
    }

    #[test]
    fn the_stored_time_is_corrected_by_the_skew_of_the_clients_clock() {
        let columns =
            stored(r#"{"v":1,"sent_at":1699999999000,"events":[{"name":"a","ts":1699999998500}]}"#);
        assert_eq!((columns.ts_ms, columns.time_ms), (Some(1_699_999_998_500), 1_699_999_999_500));
    }

    #[test]
    fn without_sent_at_the_clients_time_is_used_and_without_both_the_receipt() {
        assert_eq!(stored(r#"[{"name":"a","ts":1500000000000}]"#).time_ms, 1_500_000_000_000);
        let columns = stored(r#"{"name":"a"}"#);
        assert_eq!((columns.ts_ms, columns.time_ms), (None, 1_700_000_000_000));
    }

    #[test]
    fn a_doubtful_time_is_stored_with_what_was_doubtful() {
        for (body, time_ms, doubts) in [
            (
                r#"{"sent_at":1699999990,"events":[{"name":"a","ts":1699999980}]}"#,
                1_699_999_990_000,
                Some(r#"{"time":{"sent_at_read_as":"seconds","ts_read_as":"seconds"}}"#),
            ),
            (
                r#"{"sent_at":0,"events":[{"name":"a","ts":1699999990000}]}"#,
                1_699_999_990_000,
                Some(r#"{"time":{"sent_at":"ignored"}}"#),
            ),
            (
                r#"{"sent_at":[],"events":[{"name":"a","ts":0}]}"#,
                1_700_000_000_000,
                Some(r#"{"time":{"sent_at":"unreadable","ts":"ignored"}}"#),
            ),
            (r#"{"sent_at":"no","events":[{"name":"a"}]}"#, 1_700_000_000_000, None),
        ] {
            let columns = stored(body);
            assert_eq!((columns.time_ms, columns.enrichment_json.as_deref()), (time_ms, doubts));
        }
    }

    #[test]
    fn a_placeholder_for_an_id_is_no_user_and_is_stored_as_ignored() {
        let columns =
            stored(r#"[{"name":"identify","user":{"id":"undefined","anonymous_id":"a1"}}]"#);
        assert_eq!((columns.user_id, columns.anonymous_id), (None, Some("a1".into())));
        let want = r#"{"user":{"ignored_id":"undefined"}}"#;
        assert_eq!(columns.enrichment_json.as_deref(), Some(want));
        let columns = stored(r#"[{"name":"a","user":{"id":0,"anonymous_id":" "}}]"#);
        assert_eq!((columns.user_id, columns.anonymous_id), (None, None));
        let want = r#"{"user":{"ignored_anonymous_id":"","ignored_id":"0"}}"#;
        assert_eq!(columns.enrichment_json.as_deref(), Some(want));
    }

    #[test]
    fn json_is_kept_as_received() {
        let columns = stored(r#"[{"name":"a","properties":{ "b" : 1.50,"c":"\u00e9" }}]"#);
        assert_eq!(columns.properties_json.as_deref(), Some(r#"{ "b" : 1.50,"c":"\u00e9" }"#));
    }

    #[test]
    fn the_day_is_the_day_of_receipt() {
        assert_eq!(planned("[]").unwrap().created_day, 20_231_114);
    }

    proptest::proptest! {
        #[test]
        fn any_text_gives_a_plan_or_an_error(text in ".*") {
            let _ = planned(&text);
        }
    }
}
