//! What one event says about its user, and when. Pure.
//!
//! An `identify` event's properties are the user's traits; its member `$experiments`, and
//! `$experiment` events with `experiment` and `variant`, say which variants the user sees.

use std::borrow::Cow;

use lamplight_wire::json;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{EventColumns, RowId};

/// What an event says about its user.
#[derive(Debug, Clone, PartialEq)]
pub enum ProfileNote {
    /// These are traits, and, in `$experiments`, variants.
    Traits(Map<String, Value>),
    /// The user sees this variant of this experiment.
    Variant(String, String),
}

impl ProfileNote {
    /// Whether an event with this name may say something about its user.
    pub fn may_be_in(name: &str) -> bool {
        matches!(name, "identify" | "$identify" | "$experiment")
    }

    /// What an event with this name and these properties says about its user, if anything.
    pub fn read(name: &str, properties_json: Option<&str>) -> Option<Self> {
        let json = properties_json?;
        match name {
            "identify" | "$identify" => {
                // A value that cannot be held, such as 1e400, leaves out no other trait.
                let held = |(name, json): (Cow<'_, str>, &RawValue)| {
                    Some((name.into_owned(), serde_json::from_str(json.get()).ok()?))
                };
                let traits = json::members(json).ok()?.into_iter().filter_map(held);
                Some(Self::Traits(traits.collect()))
            }
            "$experiment" => {
                let found = json::fields(json, ["experiment", "variant"]).ok()?;
                let [experiment, variant] = found.map(|json| json.and_then(json::string));
                Some(Self::Variant(experiment?.into_owned(), variant?.into_owned()))
            }
            _ => None,
        }
    }
}

/// When something was said. Of two words about the same trait, the greater one counts, whichever
/// arrives first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SaidAt {
    /// In milliseconds since 1970.
    pub ms: i64,
    /// The event that said it. Among equal times, the one that was received later counts.
    pub event: RowId,
}

impl SaidAt {
    /// When an event said something. Nothing was said after it was received: otherwise a client
    /// whose clock runs ahead would have the last word until that time has come.
    pub fn new(event: RowId, time_ms: i64, received_ms: i64) -> Self {
        Self { ms: time_ms.min(received_ms), event }
    }
}

/// Identifies a profile: by the user id that the app set, or else by the anonymous id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProfileKey<'a> {
    /// The user id that the app set.
    User(&'a str),
    /// The anonymous id.
    Anonymous(&'a str),
}

impl<'a> ProfileKey<'a> {
    /// The profile that an event with these ids belongs to, if it names a user.
    pub fn new(user_id: Option<&'a str>, anonymous_id: Option<&'a str>) -> Option<Self> {
        user_id.map(Self::User).or(anonymous_id.map(Self::Anonymous))
    }

    /// The profile that an event belongs to, if it names a user.
    pub fn of(event: &'a EventColumns) -> Option<Self> {
        Self::new(event.user_id.as_deref(), event.anonymous_id.as_deref())
    }
}

impl std::fmt::Display for ProfileKey<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Anonymous(id) => write!(f, "anonymous:{id}"),
        }
    }
}
