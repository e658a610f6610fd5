//! What reading an event found doubtful. It is stored with the event, so that a person who wonders
//! about a value sees where it comes from.

use lamplight_wire::user::Placeholders;
use serde_json::{Map, Value};

use super::happened::TimeDoubts;
use crate::store::{EventColumns, Profile, ProfileKey, ProfileNote};

/// What was doubtful about one event.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// Its times.
    pub(super) time: TimeDoubts,
    /// Ids of its user that stand for no user.
    pub(super) user: Placeholders,
    /// Traits that its user's profile does not get.
    pub(super) refused_traits: Vec<String>,
}

/// The most traits that are named, and the most characters of each name.
const TRAITS_MAX: usize = 8;
const NAME_CHARS_MAX: usize = 40;

/// The traits in an event of a user that the user's profile does not get.
pub(super) fn refused_traits(event: &EventColumns) -> Vec<String> {
    if !ProfileNote::may_be_in(&event.name) || ProfileKey::of(event).is_none() {
        return Vec::new();
    }
    let note = ProfileNote::read(&event.name, event.properties_json.as_deref());
    let refused = note.as_ref().map(Profile::refused).unwrap_or_default();
    let short = |name: &str| name.chars().take(NAME_CHARS_MAX).collect();
    refused.into_iter().take(TRAITS_MAX).map(short).collect()
}

impl Doubts {
    /// One member of the enrichment for each part that was doubtful.
    pub(super) fn members(&self) -> Map<String, Value> {
        let mut members = Map::new();
        if !self.time.is_empty() {
            members.insert("time".into(), serde_json::to_value(&self.time).unwrap_or_default());
        }
        let ids =
            [("ignored_id", &self.user.id), ("ignored_anonymous_id", &self.user.anonymous_id)];
        let ignored: Map<String, Value> = ids
            .into_iter()
            .filter_map(|(name, id)| Some((name.to_owned(), id.as_deref()?.into())))
            .collect();
        if !ignored.is_empty() {
            members.insert("user".into(), Value::Object(ignored));
        }
        if !self.refused_traits.is_empty() {
            let refused = serde_json::json!({ "refused_traits": self.refused_traits });
            members.insert("profile".into(), refused);
        }
        members
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lamplight_wire::event::Kind;
    use serde_json::json;

    fn refused(properties: &Value) -> Vec<String> {
        refused_traits(&EventColumns {
            kind: Kind::Default,
            name: "identify".into(),
            ts_ms: None,
            time_ms: 0,
            user_id: Some("ann".into()),
            anonymous_id: None,
            session: None,
            properties_json: Some(properties.to_string()),
            context_json: None,
            monitor_json: None,
            enrichment_json: None,
        })
    }

    #[test]
    fn traits_that_a_profile_never_gets_are_named() {
        let (long, name) = ("x".repeat(2_000), "n".repeat(300));
        let variants = json!({ "x": "blue", "y": 7, "z": long });
        let traits = json!({ "a": 1, "b": long, "c": null, "$experiments": variants, (&name): 1 });
        assert_eq!(refused(&traits), ["b", &name[..NAME_CHARS_MAX], "z"]);
        assert_eq!(refused(&json!({ "a": 1 })), [""; 0]);
        let many: Value = (0..300).map(|n| (format!("t{n:03}"), Value::from(n))).collect();
        let names: Vec<String> = (0..8).map(|n| format!("t{n:03}")).collect();
        assert_eq!(refused(&many), names, "a profile has 256 of them");
    }
}
