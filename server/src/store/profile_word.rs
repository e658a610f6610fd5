//! What was said last about one trait or experiment of a user. Pure.

use serde_json::Value;

use super::SaidAt;

/// What a word is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A trait.
    Trait,
    /// An experiment, whose variant the word says.
    Experiment,
}

/// The subject and the name of a word.
pub type WordName = (Subject, String);

/// What was said last about one trait or experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// When it was said, and in which event.
    pub at: SaidAt,
    /// The value as JSON: `null` if there is none any more.
    pub json: Box<str>,
}

impl Word {
    /// A word with this value.
    pub fn new(at: SaidAt, value: &Value) -> Self {
        Self { at, json: value.to_string().into() }
    }

    /// Whether it says that there is no value any more.
    pub fn is_removal(&self) -> bool {
        &*self.json == REMOVED
    }
}

/// The value of a trait that was removed.
pub(super) const REMOVED: &str = "null";
