//! Fan-out: which sinks are owed an event that gets a row.

use super::Delivery;
use crate::store::routing::has_privacy_mark;
use crate::store::{DeliveryState, EventColumns, Route, RowId};

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

fn bytes(columns: &EventColumns) -> u64 {
    let texts = [&columns.properties_json, &columns.context_json, &columns.monitor_json];
    let texts: usize = texts.into_iter().flatten().map(String::len).sum();
    (columns.name.len() + texts) as u64 + ROW_BYTES
}
