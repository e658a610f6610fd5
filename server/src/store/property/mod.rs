//! Properties: how a path leads to one, and when two values are equal.
//!
//! Filters, counts and SQL of every database use these functions, so that all give the same answer.

mod canonical_json;
mod number;
mod path;

pub use canonical_json::CanonicalJson;
pub use path::{PathError, PropertyPath};

/// A property that events must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyCondition {
    /// Where it is.
    pub path: PropertyPath,
    /// Its value; `None` if it must be absent or `null`.
    pub value: Option<CanonicalJson>,
}

impl PropertyCondition {
    /// Whether it holds for a `properties` object with valid Unicode.
    pub(super) fn holds(&self, properties_json: Option<&str>) -> bool {
        match (&self.value, properties_json.and_then(|json| self.path.find(json))) {
            (Some(value), Some(json)) => value.is(json),
            (None, None) => true,
            _ => false,
        }
    }
}
