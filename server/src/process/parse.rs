//! Turns a payload's bytes into a plan. Pure: the same bytes and enrichers give the same plan.

use std::borrow::Cow;

use bytes::Bytes;
use lamplight_wire::batch::{Body, BodyError};
use lamplight_wire::event::{self, Event};

use super::enrich::Enrichers;
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

/// The years 1 to 9999. A corrected time outside of them cannot be shown.
const TIME_MS: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;

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
    let skew_ms = body.sent_at_ms.map(|sent_at| metadata.received_ms.saturating_sub(sent_at));
    let shared = enrichers.shared(metadata);
    let events = (0..)
        .zip(&body.events)
        .map(|(index, text)| {
            let (identity, mut outcome) = decide(text, metadata.received_ms, skew_ms);
            if let PlannedOutcome::Store(columns) = &mut outcome {
                columns.enrichment_json = enrichers.enrich(&shared, columns);
            }
            let id = row_id(metadata.id, metadata.received_ms, index);
            PlannedEvent { id, index, identity, outcome }
        })
        .collect();
    Ok(Plan {
        payload: metadata.id,
        received_ms: metadata.received_ms,
        created_day: day(metadata.received_ms),
        source: metadata.source.clone(),
        attempt,
        notes: body.producers,
        events,
    })
}

fn decide(text: &str, received_ms: i64, skew_ms: Option<i64>) -> (EventIdentity, PlannedOutcome) {
    match Event::read(text) {
        Ok(event) => columns(event, received_ms, skew_ms),
        Err(invalid) => {
            let outcome = PlannedOutcome::Refuse { reason: invalid.reason, detail: invalid.detail };
            (identity(event::EventIdentity::of_refused(text)), outcome)
        }
    }
}

fn columns(
    event: Event<'_>,
    received_ms: i64,
    skew_ms: Option<i64>,
) -> (EventIdentity, PlannedOutcome) {
    let time_ms = match (event.ts_ms, skew_ms) {
        (Some(ts_ms), Some(skew_ms)) => ts_ms.saturating_add(skew_ms),
        (Some(ts_ms), None) => ts_ms,
        (None, _) => received_ms,
    };
    let columns = EventColumns {
        kind: event.kind,
        name: event.name.into_owned(),
        ts_ms: event.ts_ms,
        time_ms: time_ms.clamp(*TIME_MS.start(), *TIME_MS.end()),
        user_id: event.user.id,
        anonymous_id: event.user.anonymous_id,
        session: event.session.map(Cow::into_owned),
        properties_json: event.properties_json.map(str::to_owned),
        context_json: event.context_json.map(str::to_owned),
        monitor_json: event.monitor.map(|(_, json)| json.to_owned()),
        enrichment_json: None,
    };
    (identity(event.identity), PlannedOutcome::Store(Box::new(columns)))
}

fn identity(of: event::EventIdentity<'_>) -> EventIdentity {
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
    use lamplight_wire::Producer;
    use lamplight_wire::reason::InvalidReason;
    use uuid::Uuid;

    const P: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

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
        assert_eq!(stored(r#"[{"name":"a","ts":5}]"#).time_ms, 5);
        let columns = stored(r#"{"name":"a"}"#);
        assert_eq!((columns.ts_ms, columns.time_ms), (None, 1_700_000_000_000));
    }

    #[test]
    fn json_is_kept_as_received() {
        let columns = stored(r#"[{"name":"a","properties":{ "b" : 1.50,"c":"\u00e9" }}]"#);
        assert_eq!(columns.properties_json.as_deref(), Some(r#"{ "b" : 1.50,"c":"\u00e9" }"#));
    }

    #[test]
    fn an_event_that_cannot_be_stored_keeps_its_number_or_its_id() {
        let event = only(&format!(r#"[{{"producer":"{P}","seq":3,"properties":{{}}}}]"#));
        assert_eq!(event.identity, EventIdentity::Numbered(Producer::parse(P).unwrap(), 3));
        assert!(matches!(
            event.outcome,
            PlannedOutcome::Refuse { reason: InvalidReason::NameMissing, .. }
        ));
        assert_eq!(only(r#"[{"id":"x","ts":"no"}]"#).identity, EventIdentity::ClientId("x".into()));
        assert_eq!(
            only(r#"[{"name":"a","producer":"no","seq":1}]"#).identity,
            EventIdentity::Anonymous
        );
        assert_eq!(only(r#"[{"name":7}]"#).identity, EventIdentity::Anonymous);
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
