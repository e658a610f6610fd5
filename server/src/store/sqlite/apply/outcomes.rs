//! Arrivals that did not become a row of `events`: duplicates and invalid ones.

use lamplight_wire::reason::InvalidReason;
use rusqlite::{Connection, params};

use crate::store::Outcome;
use crate::store::sqlite::file::columns::producer_bytes;
use crate::store::{EventIdentity, Plan, PlannedEvent};

/// How such an arrival ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending<'a> {
    Duplicate,
    Invalid { reason: InvalidReason, detail: &'a str },
}

/// Writes down how the arrival of `event` ended.
pub(crate) fn add(
    connection: &Connection,
    plan: &Plan,
    event: &PlannedEvent,
    now_ms: i64,
    ending: Ending<'_>,
) -> rusqlite::Result<Outcome> {
    let (outcome, reason, detail) = match ending {
        Ending::Duplicate => (Outcome::Duplicate, None, None),
        Ending::Invalid { reason, detail } => (Outcome::Invalid, Some(reason.code()), Some(detail)),
    };
    let (producer, seq, event_id) = match &event.identity {
        EventIdentity::Numbered(producer, seq) => {
            (Some(producer_bytes(*producer)), Some(*seq), None)
        }
        EventIdentity::ClientId(name) => (None, None, Some(name.as_str())),
        EventIdentity::Anonymous => (None, None, None),
    };
    connection
        .prepare_cached(
            "INSERT INTO outcomes (id, state, reason, detail, source, producer, seq, event_id, payload_id, \
             payload_index, received_ms, applied_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            event.id.0.as_bytes(),
            outcome.name(),
            reason,
            detail,
            plan.source,
            producer,
            seq,
            event_id,
            plan.payload.0.as_bytes(),
            event.index,
            plan.received_ms,
            now_ms,
        ])?;
    Ok(outcome)
}
