//! An event as JSON, for sinks that have no format of their own.

use lamplight_wire::json::push_string;
use serde::Deserializer;
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

/// The members of a JSON object, in order. Of members with the same name, the last one counts.
pub(super) fn members(json: &str) -> serde_json::Result<Vec<(String, &RawValue)>> {
    struct Members;
    impl<'de> serde::de::Visitor<'de> for Members {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut map: A,
        ) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(json);
    let mut members = reader.deserialize_map(Members)?;
    reader.end()?;
    let mut seen = std::collections::HashSet::with_capacity(members.len());
    members.reverse();
    members.retain(|(name, _)| seen.insert(name.clone()));
    members.reverse();
    Ok(members)
}
