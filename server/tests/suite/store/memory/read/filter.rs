//! Which rows a filter lets through.

use lamplight_server::store::week::first_row_at;
use lamplight_server::store::{EventFilter, EventRow, RowId};

/// Whether a row was received within a span of time. A row id begins with its time of receipt.
pub(super) fn is_in_time(id: RowId, from_ms: Option<i64>, to_ms: Option<i64>) -> bool {
    from_ms.is_none_or(|from_ms| id >= first_row_at(from_ms))
        && to_ms.is_none_or(|to_ms| id < first_row_at(to_ms))
}

/// Whether everything that the filter names holds for the event.
pub(super) fn matches(filter: &EventFilter, event: &EventRow) -> bool {
    let is = |wanted: &Option<String>, value: Option<&str>| {
        wanted.as_deref().is_none_or(|wanted| Some(wanted) == value)
    };
    let producer = event.number.map(|(producer, _)| producer);
    is(&filter.name, Some(&event.name))
        && is(&filter.source, Some(&event.source))
        && is(&filter.user, event.user_id.as_deref())
        && filter.kind.is_none_or(|kind| kind.name() == event.kind)
        && filter.producer.is_none_or(|wanted| Some(wanted) == producer)
        && is_in_time(event.id, filter.from_ms, filter.to_ms)
        && filter.happened_from_ms.is_none_or(|from_ms| event.time_ms >= from_ms)
        && filter.happened_to_ms.is_none_or(|to_ms| event.time_ms < to_ms)
        && filter.has_properties(event.properties_json.as_deref())
}
