//! What is stored of each arrival: a row, or how it was refused.

use lamplight_server::store::apply::{NewRow, NotStored};
use lamplight_server::store::{EventIdentity, EventRow, PlannedEvent, RefusedEvent};
use lamplight_wire::Producer;

/// The producer's number and the client's id of an event, of which it has at most one.
fn names(event: &PlannedEvent) -> (Option<(Producer, u64)>, Option<String>) {
    match &event.identity {
        EventIdentity::Numbered(producer, seq) => (Some((*producer, *seq)), None),
        EventIdentity::ClientId(id) => (None, Some(id.clone())),
        EventIdentity::Anonymous => (None, None),
    }
}

/// The row of an event.
pub(super) fn event_row(row: &NewRow<'_>, profile_json: Option<String>) -> EventRow {
    let NewRow { plan, event, columns, .. } = row;
    let (number, event_id) = names(event);
    EventRow {
        id: event.id,
        kind: columns.kind.name().to_owned(),
        name: columns.name.clone(),
        source: plan.source.clone(),
        ts_ms: columns.ts_ms,
        time_ms: columns.time_ms,
        received_ms: plan.received_ms,
        created_day: plan.created_day,
        user_id: columns.user_id.clone(),
        anonymous_id: columns.anonymous_id.clone(),
        session: columns.session.clone(),
        number,
        event_id,
        payload: plan.payload,
        index: event.index,
        properties_json: columns.properties_json.clone(),
        context_json: columns.context_json.clone(),
        monitor_json: columns.monitor_json.clone(),
        enrichment_json: columns.enrichment_json.clone(),
        profile_json,
        outdated_traits: Vec::new(),
    }
    .with_valid_unicode()
}

/// The record of an arrival that gets no row.
pub(super) fn refused_event(arrival: &NotStored<'_>, now_ms: i64) -> RefusedEvent {
    let NotStored { plan, event, outcome, reason, content } = arrival;
    let (number, event_id) = names(event);
    RefusedEvent {
        id: event.id,
        outcome: *outcome,
        reason: reason.as_ref().map(|(reason, _)| reason.code().to_owned()),
        detail: reason.as_ref().map(|(_, detail)| detail.clone()),
        content: content.as_deref().cloned(),
        source: plan.source.clone(),
        number,
        event_id,
        payload: plan.payload,
        index: event.index,
        received_ms: plan.received_ms,
        applied_ms: now_ms,
    }
}
