//! What reading an event found doubtful. It is stored with the event, so that a person who wonders
//! about a value sees where it comes from.

use lamplight_wire::user::Placeholders;
use serde_json::{Map, Value};

use super::happened::TimeDoubts;

/// What was doubtful about one event.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// Its times.
    pub(super) time: TimeDoubts,
    /// Ids of its user that stand for no user.
    pub(super) user: Placeholders,
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
        members
    }
}
