//! The user that an event is about.

use crate::event::Invalid;
use crate::reason::InvalidReason;

/// Texts that stand for "no user": how languages print a missing value, and what programs use in
/// its place. Were they ids, everyone who is not signed in would be the same person.
pub const PLACEHOLDERS: [&str; 18] = [
    "",
    "undefined",
    "null",
    "NULL",
    "(null)",
    "<null>",
    "nil",
    "<nil>",
    "None",
    "NaN",
    "[object Object]",
    "true",
    "false",
    "0",
    "-1",
    "anonymous",
    "Anonymous",
    "00000000-0000-0000-0000-000000000000",
];

/// The user an event is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// The id by which the app knows the user.
    pub id: Option<String>,
    /// An id for a user who is not known yet.
    pub anonymous_id: Option<String>,
    /// What the client sent in the place of an id.
    pub placeholders: Placeholders,
}

/// Ids that stand for no user: one of [`PLACEHOLDERS`], with or without space around it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placeholders {
    /// As the user's id.
    pub id: Option<&'static str>,
    /// As the anonymous id.
    pub anonymous_id: Option<&'static str>,
}

impl User {
    /// Reads both ids.
    pub(crate) fn read(id: Option<&str>, anonymous_id: Option<&str>) -> Result<Self, Invalid> {
        let (id, id_placeholder) = split(checked_id("user.id", id)?);
        let (anonymous_id, anonymous_placeholder) =
            split(checked_id("user.anonymous_id", anonymous_id)?);
        let placeholders = Placeholders { id: id_placeholder, anonymous_id: anonymous_placeholder };
        Ok(Self { id, anonymous_id, placeholders })
    }
}

/// An id, or the placeholder that stands for none.
fn split(id: Option<String>) -> (Option<String>, Option<&'static str>) {
    let trimmed = id.as_deref().map(str::trim);
    let placeholder = PLACEHOLDERS.into_iter().find(|placeholder| Some(*placeholder) == trimmed);
    if placeholder.is_some() { (None, placeholder) } else { (id, None) }
}

/// Ids are text. A number is read as its digits, because many databases number their users.
fn checked_id(field: &str, json: Option<&str>) -> Result<Option<String>, Invalid> {
    let Some(json) = json else { return Ok(None) };
    let wrong = || {
        Invalid::new(
            InvalidReason::Malformed,
            format!("`{field}` is neither text nor an integer: send one of the two"),
        )
    };
    if json.starts_with('"') {
        return serde_json::from_str(json).map(Some).map_err(|_| wrong());
    }
    let digits = json.strip_prefix('-').unwrap_or(json);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Some(json.to_owned()));
    }
    Err(wrong())
}
