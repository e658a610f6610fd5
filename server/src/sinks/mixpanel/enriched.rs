//! The enrichment of an event, under the names that Mixpanel's reports use
//! (<https://docs.mixpanel.com/docs/data-structure/property-reference/default-properties>).

use serde_json::value::RawValue;

use crate::sinks::event_json::members;

/// Members of `agent` and of `geo` that Mixpanel has a name for.
const KNOWN: [(&str, &str, &str); 8] = [
    ("agent", "browser", "$browser"),
    ("agent", "browser_version", "$browser_version"),
    ("agent", "os", "$os"),
    ("agent", "os_version", "$os_version"),
    ("agent", "device", "$device"),
    ("geo", "country", "mp_country_code"),
    ("geo", "region", "$region"),
    ("geo", "city", "$city"),
];

/// The properties that an event's enrichment gives. Enrichment that cannot be read gives none.
pub(super) fn properties(enrichment_json: Option<&str>) -> Vec<(String, &RawValue)> {
    let mut found = Vec::new();
    for (enricher, value) in members(enrichment_json.unwrap_or("{}")).unwrap_or_default() {
        for (name, value) in members(value.get()).unwrap_or_default() {
            let known = KNOWN.iter().find(|(by, ours, _)| *by == enricher && *ours == name);
            match (&*enricher, known) {
                (_, Some((_, _, theirs))) => found.push(((*theirs).to_owned(), value)),
                ("fixed", None) => found.push((name, value)),
                ("utm", None) => found.push((format!("utm_{name}"), value)),
                _ => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browser_location_campaign_and_fixed_properties_have_mixpanels_names() {
        let json = r#"{"agent":{"browser":"Firefox","bot":true},"geo":{"country":"DE","time_zone":"x"},
            "utm":{"source":"news"},"fixed":{"environment":"production"},"errors":{"geo":"no"}}"#;
        let found = properties(Some(json));
        let found: Vec<_> = found.iter().map(|(name, value)| (&**name, value.get())).collect();
        assert_eq!(
            found,
            [
                ("$browser", "\"Firefox\""),
                ("mp_country_code", "\"DE\""),
                ("utm_source", "\"news\""),
                ("environment", "\"production\""),
            ]
        );
        assert!(properties(Some("[]")).is_empty() && properties(None).is_empty());
    }
}
