//! An event as JSON, for sinks that have no format of their own.

use lamplight_wire::json::{self, push_string};
use serde_json::value::RawValue;

use crate::store::EventRow;

/// Appends the event as one JSON object on one line, with the names of the read API. JSON that was
/// received is copied as it is.
pub(super) fn push_event(out: &mut String, row: &EventRow) {
    let id = row.id.to_string();
    let event_id = match (row.number, &row.event_id) {
        (Some((producer, seq)), _) => format!("{producer}-{seq}"),
        (None, Some(name)) => name.clone(),
        (None, None) => id.clone(),
    };
    out.push_str("{\"id\":");
    push_string(out, &id);
    push_text(out, "event_id", Some(&event_id));
    push_text(out, "name", Some(&row.name));
    push_text(out, "type", Some(&row.kind));
    push_text(out, "source", Some(&row.source));
    push_raw(out, "ts", row.ts_ms.map(|ms| ms.to_string()).as_deref());
    push_raw(out, "time", Some(&row.time_ms.to_string()));
    push_raw(out, "received", Some(&row.received_ms.to_string()));
    push_text(out, "user_id", row.user_id.as_deref());
    push_text(out, "anonymous_id", row.anonymous_id.as_deref());
    push_text(out, "session", row.session.as_deref());
    push_raw(out, "properties", row.properties_json.as_deref());
    push_raw(out, "context", row.context_json.as_deref());
    push_raw(out, "monitor", row.monitor_json.as_deref());
    push_raw(out, "enrichment", row.enrichment_json.as_deref());
    push_raw(out, "profile", row.profile_json.as_deref());
    out.push('}');
}

fn push_name(out: &mut String, name: &str) {
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":");
}

fn push_text(out: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        push_name(out, name);
        push_string(out, value);
    }
}

/// Valid JSON has line breaks only between tokens, where a space means the same.
fn push_raw(out: &mut String, name: &str, json: Option<&str>) {
    if let Some(json) = json {
        push_name(out, name);
        out.extend(
            json.chars().map(|letter| if matches!(letter, '\n' | '\r') { ' ' } else { letter }),
        );
    }
}

/// The members of a JSON object, in order. Of members with the same name, the last one counts, as
/// in filters and counts.
pub(super) fn members(json: &str) -> serde_json::Result<Vec<(String, &RawValue)>> {
    let members = json::members(json)?;
    Ok(members.into_iter().map(|(name, value)| (name.into_owned(), value)).collect())
}
