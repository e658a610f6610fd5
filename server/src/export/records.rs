//! One event as a record of an export.

use serde_json::value::RawValue;

use super::Format;
use crate::client::event::{Event, on_one_line};
use crate::terminal::csv::{Cell, add_record};

/// The first line of CSV. `id` and `seq` come first, so that an interrupted export finds its place.
pub(crate) const CSV_HEAD: &str = "id,seq,event_id,name,type,source,time,received,user_id,anonymous_id,\
     session,producer,properties,context,monitor,enrichment,profile\n";

/// Adds an event to `text`, and gives when it was received.
///
/// # Errors
/// What `json` has that no event of the API has.
pub(crate) fn write_record(
    text: &mut String,
    json: &RawValue,
    format: Format,
    is_exact: bool,
) -> serde_json::Result<i64> {
    let event: Event<'_> = serde_json::from_str(json.get())?;
    match format {
        Format::Ndjson => {
            text.push_str(&on_one_line(json));
            text.push('\n');
        }
        Format::Csv => add_csv(text, &event, is_exact),
    }
    Ok(event.received)
}

fn add_csv(text: &mut String, event: &Event<'_>, is_exact: bool) {
    let seq = event.seq.map(|seq| seq.to_string()).unwrap_or_default();
    let (time, received) = (utc(event.time), utc(event.received));
    let user = event.user.as_ref();
    let json = |json: Option<&RawValue>| {
        json.map(|json| on_one_line(json).into_owned()).unwrap_or_default()
    };
    let parts = [event.properties, event.context, event.monitor, event.enrichment, event.profile];
    let parts = parts.map(json);
    let cells = [
        Cell::Own(&event.id),
        Cell::Own(&seq),
        Cell::Text(&event.event_id),
        Cell::Text(&event.name),
        Cell::Own(&event.r#type),
        Cell::Text(&event.source),
        Cell::Own(&time),
        Cell::Own(&received),
        Cell::Text(user.and_then(|user| user.id.as_deref()).unwrap_or_default()),
        Cell::Text(user.and_then(|user| user.anonymous_id.as_deref()).unwrap_or_default()),
        Cell::Text(event.session.as_deref().unwrap_or_default()),
        Cell::Own(event.producer.as_deref().unwrap_or_default()),
    ];
    let parts = parts.iter().map(|part| Cell::Text(part));
    add_record(text, cells.into_iter().chain(parts), is_exact);
}

fn utc(ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => ms.to_string(),
    }
}
