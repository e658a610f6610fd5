//! Fan-out: which sinks are owed an event, when it gets a row or in a backfill.

use super::Delivery;
use crate::store::routing::has_privacy_mark;
use crate::store::{BACKFILLED, DeliveryState, EventColumns, EventRow, Route, RowId};
use lamplight_wire::event::Kind;

/// What a row costs in memory beside its texts, roughly, in bytes.
const ROW_BYTES: u64 = 400;
/// Why an event with the privacy mark is delivered to no sink.
const PRIVACY: (&str, &str) = ("gpc", "the user opted out of sharing with Global Privacy Control");

/// Adds a delivery for each sink that wants the event. If the event's user opted out of sharing,
/// each of them is dropped at once.
pub(super) fn fan_out(
    routes: &[Route],
    event: RowId,
    columns: &EventColumns,
    deliveries: &mut Vec<Delivery>,
) {
    // Few events have the mark, and only events that a sink wants are searched for it.
    let mut is_private = None;
    for (route, _) in
        routes.iter().enumerate().filter(|(_, route)| route.wants(columns.kind, &columns.name))
    {
        let is_private =
            *is_private.get_or_insert_with(|| has_privacy_mark(columns.context_json.as_deref()));
        let (state, reason) = if is_private {
            (DeliveryState::Dropped, Some(PRIVACY))
        } else {
            (DeliveryState::Queued, None)
        };
        deliveries.push(Delivery { event, route, state, reason, bytes: bytes(columns) });
    }
}

/// The delivery of a stored event to a sink with this route, if the route wants it. The rules are
/// those for new events.
pub fn fan_out_past(at: usize, route: &Route, row: &EventRow) -> Option<Delivery> {
    let kinds = [Kind::Default, Kind::Critical, Kind::Monitor];
    let kind = kinds.into_iter().find(|kind| kind.name() == row.kind)?;
    if !route.wants(kind, &row.name) {
        return None;
    }
    let (state, reason) = if has_privacy_mark(row.context_json.as_deref()) {
        (DeliveryState::Dropped, PRIVACY)
    } else {
        (DeliveryState::Queued, BACKFILLED)
    };
    let texts = [&row.properties_json, &row.context_json, &row.monitor_json];
    let bytes = bytes_of(&row.name, texts);
    Some(Delivery { event: row.id, route: at, state, reason: Some(reason), bytes })
}

fn bytes(columns: &EventColumns) -> u64 {
    let texts = [&columns.properties_json, &columns.context_json, &columns.monitor_json];
    bytes_of(&columns.name, texts)
}

fn bytes_of(name: &str, texts: [&Option<String>; 3]) -> u64 {
    let texts: usize = texts.into_iter().flatten().map(String::len).sum();
    (name.len() + texts) as u64 + ROW_BYTES
}
