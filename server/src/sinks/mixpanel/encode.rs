//! Events in Mixpanel's format (<https://developer.mixpanel.com/reference/import-events>). Pure:
//! the same event always gives the same bytes, because Mixpanel recognizes a repeated event by
//! (event, time, distinct_id, `$insert_id`).

use lamplight_wire::json::push_string;
use serde_json::value::RawValue;

use super::enriched;
use crate::sinks::event_json::members;
use crate::store::{EventRow, Reason};

/// Properties that Mixpanel interprets, so they are never taken from the page.
const RESERVED: [&str; 6] =
    ["time", "distinct_id", "$insert_id", "token", "$user_id", "$device_id"];

/// The event for `/import`.
///
/// # Errors
/// When the JSON that the page sent cannot be read. Events are checked before they are stored, but
/// nested values are not.
pub fn event(row: &EventRow) -> Result<String, Reason> {
    let given = read(row.properties_json.as_deref())?;
    let context = read(row.context_json.as_deref())?;
    let mut out = String::with_capacity(row.json_bytes() + 320);
    out.push_str("{\"event\":");
    push_string(&mut out, &row.name);
    out.push_str(",\"properties\":{\"time\":");
    out.push_str(&row.time_ms.to_string());
    out.push_str(",\"distinct_id\":");
    push_string(&mut out, distinct_id(row));
    // 36 characters of [0-9a-f-], derived from payload and index, so the same in every attempt.
    out.push_str(",\"$insert_id\":\"");
    out.push_str(&row.id.to_string());
    out.push('"');
    // An event with both ids tells Mixpanel that they are the same person (Simplified ID Merge).
    push_member(&mut out, "$user_id", row.user_id.as_deref());
    push_member(&mut out, "$device_id", row.anonymous_id.as_deref());
    let is_given = |name: &str| given.iter().any(|(known, _)| known == name);
    // Properties take precedence over the context, and the context over enrichment.
    let mut around = known_context(&context);
    for (name, value) in enriched::properties(row.enrichment_json.as_deref()) {
        if !around.iter().any(|(known, _)| *known == name) {
            around.push((name, value));
        }
    }
    for (name, value) in around {
        if !is_given(&name) && !RESERVED.contains(&name.as_str()) {
            push_raw(&mut out, &name, value);
        }
    }
    if !is_given("ip") {
        // Otherwise Mixpanel would use the location of this server as the user's.
        out.push_str(",\"ip\":0");
    }
    if !is_given("session") {
        push_member(&mut out, "session", row.session.as_deref());
    }
    for (name, value) in given.iter().filter(|(name, _)| !RESERVED.contains(&name.as_str())) {
        push_raw(&mut out, name, value);
    }
    out.push_str("}}");
    Ok(out)
}

/// The user whose profile the event updates, if it is an `identify`.
pub(super) fn user_of_identify(row: &EventRow) -> Option<&str> {
    row.user_id.as_deref().filter(|_| matches!(row.name.as_str(), "identify" | "$identify"))
}

/// Empty for an event without a user, as Mixpanel expects.
fn distinct_id(row: &EventRow) -> &str {
    row.user_id.as_deref().or(row.anonymous_id.as_deref()).unwrap_or_default()
}

pub(super) fn read(json: Option<&str>) -> Result<Vec<(String, &RawValue)>, Reason> {
    members(json.unwrap_or("{}")).map_err(|error| Reason::new("unreadable", &error.to_string()))
}

/// The parts of the context that Mixpanel has a name for, each name once. The SDK writes the page's
/// address and the campaign as objects.
fn known_context<'a>(context: &[(String, &'a RawValue)]) -> Vec<(String, &'a RawValue)> {
    let mut known = Vec::new();
    for (name, value) in context {
        let inner = members(value.get()).unwrap_or_default();
        match name.as_str() {
            "campaign" | "utm" => {
                known.extend(inner.into_iter().map(|(name, value)| (format!("utm_{name}"), value)));
            }
            "page" => {
                let url = inner.into_iter().find(|(name, _)| name == "url");
                let url = url.map_or(*value, |(_, url)| url);
                known.push(("$current_url".to_owned(), url));
            }
            "referrer" => known.push(("$referrer".to_owned(), *value)),
            "initial" => known.extend(first_touch(inner)),
            "locale" | "release" => known.push((name.clone(), *value)),
            _ => {}
        }
    }
    let mut seen = std::collections::HashSet::new();
    known.retain(|(name, value)| {
        !value.get().starts_with(['{', '[']) && value.get() != "null" && seen.insert(name.clone())
    });
    known
}

/// The campaign and the referrer of the user's first visit.
fn first_touch(initial: Vec<(String, &RawValue)>) -> Vec<(String, &RawValue)> {
    let mut known = Vec::new();
    for (name, value) in initial {
        match name.as_str() {
            "utm" => {
                let inner = members(value.get()).unwrap_or_default();
                known.extend(
                    inner.into_iter().map(|(name, value)| (format!("initial_utm_{name}"), value)),
                );
            }
            "referrer" => known.push(("$initial_referrer".to_owned(), value)),
            _ => {}
        }
    }
    known
}

fn push_member(out: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        out.push_str(",\"");
        out.push_str(name);
        out.push_str("\":");
        push_string(out, value);
    }
}

fn push_raw(out: &mut String, name: &str, value: &RawValue) {
    out.push(',');
    push_string(out, name);
    out.push(':');
    out.push_str(value.get());
}
