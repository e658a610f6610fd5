//! The user that an event is about.

use crate::event::Invalid;
use crate::limits;
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
    let most = limits::USER_ID_UNITS_MAX;
    let too_large = || {
        Invalid::new(
            InvalidReason::FieldTooLarge,
            format!(
                "`{field}` has more than {most} UTF-16 units; no longer ones are accepted: shorten it"
            ),
        )
    };
    // Each unit may be an escape, between quotes.
    if json.len() > 6 * most + 2 {
        return Err(too_large());
    }
    let wrong = || {
        Invalid::new(
            InvalidReason::Malformed,
            format!("`{field}` is neither text nor an integer: send one of the two"),
        )
    };
    if json.starts_with('"') {
        let id: String = serde_json::from_str(json).map_err(|_| wrong())?;
        let is_too_large = id.len() > most && id.encode_utf16().count() > most;
        return if is_too_large { Err(too_large()) } else { Ok(Some(id)) };
    }
    let digits = json.strip_prefix('-').unwrap_or(json);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        if json.len() > most {
            return Err(too_large());
        }
        return Ok(Some(json.to_owned()));
    }
    Err(wrong())
}
