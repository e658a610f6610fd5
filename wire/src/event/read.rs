//! Reading an event. A problem with it becomes a reason, never a failed request.

use std::borrow::Cow;

use super::EventIdentity;
use crate::monitor::Monitor;
use crate::reason::InvalidReason;
use crate::{json, limits};

/// Why an event is not stored: a stable reason and a message for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The stable reason.
    pub reason: InvalidReason,
    /// What is wrong and what to do, for people. Never quotes values of `properties`.
    pub detail: String,
}

impl Invalid {
    pub(crate) fn new(reason: InvalidReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// How an event is routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A product event.
    Default,
    /// An event that stays in the database only.
    Critical,
    /// An engineering metric.
    Monitor,
}

impl Kind {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Critical => "critical",
            Self::Monitor => "monitor",
        }
    }
}

/// The user an event is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// The id by which the app knows the user.
    pub id: Option<String>,
    /// An id for a user who is not known yet.
    pub anonymous_id: Option<String>,
}

/// An event that can be stored. Texts ending in `json` are as received.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// What happened.
    pub name: Cow<'a, str>,
    /// Milliseconds since 1970 by the client's clock, if the client sent a time.
    pub ts_ms: Option<i64>,
    /// What distinguishes it from every other event.
    pub identity: EventIdentity<'a>,
    /// How it is routed.
    pub kind: Kind,
    /// The user it is about.
    pub user: User,
    /// The id of the browser session.
    pub session: Option<Cow<'a, str>>,
    /// The `properties` object.
    pub properties_json: Option<&'a str>,
    /// The `context` object.
    pub context_json: Option<&'a str>,
    /// The parsed `monitor` object, and its text with all metadata.
    pub monitor: Option<(Monitor, &'a str)>,
}

/// The members of an event that are read.
pub(super) const FIELDS: [&str; 11] = [
    "name",
    "ts",
    "properties",
    "producer",
    "seq",
    "id",
    "type",
    "user",
    "session",
    "context",
    "monitor",
];

impl<'a> Event<'a> {
    /// Reads one event from its JSON text, which has gone through [`json::valid_unicode`]. Of
    /// members with the same name the last one counts. A member that is `null`, or is an empty
    /// array in place of an object, counts as absent.
    ///
    /// # Errors
    /// The first problem found.
    pub fn read(text: &'a str) -> Result<Self, Invalid> {
        let [name, ts, properties, producer, seq, id, kind, user, session, context, monitor] =
            json::fields(text, FIELDS)
                .map_err(|error| Invalid::new(InvalidReason::Malformed, error.to_string()))?;
        let name = checked_name(text_of("name", name)?)?;
        let monitor = match object("monitor", monitor)? {
            Some(json) => Some((Monitor::read(json)?, json)),
            None => None,
        };
        let [user_id, anonymous_id] = match object("user", user)? {
            Some(json) => json::fields(json, ["id", "anonymous_id"])
                .map_err(|error| Invalid::new(InvalidReason::Malformed, error.to_string()))?,
            None => [None, None],
        };
        let producer = text_of("producer", producer)?;
        Ok(Self {
            name,
            ts_ms: ts.map(checked_ts).transpose()?,
            identity: EventIdentity::checked(
                producer.as_deref(),
                number_of(seq)?,
                text_of("id", id)?,
            )?,
            kind: checked_kind(text_of("type", kind)?.as_deref(), monitor.is_some())?,
            user: User {
                id: checked_user_id("user.id", user_id)?,
                anonymous_id: checked_user_id("user.anonymous_id", anonymous_id)?,
            },
            session: text_of("session", session)?,
            properties_json: checked_properties(properties)?,
            context_json: object("context", context)?,
            monitor,
        })
    }
}

/// A member that is text.
fn text_of<'a>(field: &str, json: Option<&'a str>) -> Result<Option<Cow<'a, str>>, Invalid> {
    let Some(json) = json else { return Ok(None) };
    match json::string(json) {
        Some(text) => Ok(Some(text)),
        None => Err(wrong_type(InvalidReason::Malformed, field, json, "text")),
    }
}

fn number_of(json: Option<&str>) -> Result<Option<u64>, Invalid> {
    let Some(json) = json else { return Ok(None) };
    match serde_json::from_str(json) {
        Ok(seq) => Ok(Some(seq)),
        Err(_) => Err(Invalid::new(
            InvalidReason::Malformed,
            format!("`seq` is not an integer from 1 to {}", limits::SEQ_MAX),
        )),
    }
}

/// A member that is an object. Languages whose arrays are also their maps write an empty one as
/// `[]`, so that counts as absent.
fn object<'a>(field: &str, json: Option<&'a str>) -> Result<Option<&'a str>, Invalid> {
    object_or(InvalidReason::Malformed, field, json)
}

fn object_or<'a>(
    reason: InvalidReason,
    field: &str,
    json: Option<&'a str>,
) -> Result<Option<&'a str>, Invalid> {
    match json {
        Some(json) if json.starts_with('{') => Ok(Some(json)),
        Some(json) if !json::is_empty_array(json) => {
            Err(wrong_type(reason, field, json, "a JSON object"))
        }
        _ => Ok(None),
    }
}

/// Never quotes the value, which may be anything.
fn wrong_type(reason: InvalidReason, field: &str, json: &str, wanted: &str) -> Invalid {
    let is = match json.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "text",
        Some(b't' | b'f') => "true or false",
        _ => "a number",
    };
    Invalid::new(
        reason,
        format!("`{field}` is {is}, not {wanted}: send {wanted}, or leave the member out"),
    )
}

fn checked_name(name: Option<Cow<'_, str>>) -> Result<Cow<'_, str>, Invalid> {
    match name {
        None => Err(Invalid::new(
            InvalidReason::NameMissing,
            "`name` is missing: give it 1 to 200 bytes",
        )),
        Some(name) if name.is_empty() => {
            Err(Invalid::new(InvalidReason::NameMissing, "`name` is empty: give it 1 to 200 bytes"))
        }
        Some(name) if name.len() > limits::NAME_BYTES_MAX => Err(Invalid::new(
            InvalidReason::NameTooLong,
            format!(
                "`name` has {} bytes; at most {} are accepted: shorten it",
                name.len(),
                limits::NAME_BYTES_MAX
            ),
        )),
        Some(name) => Ok(name),
    }
}

/// The years 1 to 9999, so that every time that is stored can be shown.
const TS_MS: std::ops::RangeInclusive<f64> = -62_135_596_800_000.0..=253_402_300_799_999.0;

fn checked_ts(json: &str) -> Result<i64, Invalid> {
    let wrong = || {
        Invalid::new(
            InvalidReason::TsInvalid,
            "`ts` is neither milliseconds since 1970 nor RFC 3339 text such as 2026-01-31T12:00:00Z",
        )
    };
    if json.starts_with('"') {
        let text: String = serde_json::from_str(json).map_err(|_| wrong())?;
        let time: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
        return Ok(time.as_millisecond());
    }
    let ms: f64 = serde_json::from_str(json).map_err(|_| wrong())?;
    if !TS_MS.contains(&ms) {
        return Err(wrong());
    }
    // Checked to be within the years 1 to 9999. Fractions of a millisecond are cut off.
    #[allow(clippy::cast_possible_truncation)]
    Ok(ms as i64)
}

fn checked_kind(kind: Option<&str>, has_monitor: bool) -> Result<Kind, Invalid> {
    match kind {
        // A `monitor` object implies the type: a client that sends both does not mean the default.
        None | Some("default") if has_monitor => Ok(Kind::Monitor),
        None | Some("default") => Ok(Kind::Default),
        Some("critical") => Ok(Kind::Critical),
        Some("monitor" | "datadog") => Ok(Kind::Monitor),
        Some(other) => Err(Invalid::new(
            InvalidReason::TypeUnknown,
            format!(
                "`type` {:?} is not one of default, critical, monitor",
                other.chars().take(40).collect::<String>()
            ),
        )),
    }
}

/// Ids are text. A number is read as its digits, because many databases number their users.
fn checked_user_id(field: &str, json: Option<&str>) -> Result<Option<String>, Invalid> {
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

fn checked_properties(json: Option<&str>) -> Result<Option<&str>, Invalid> {
    match object_or(InvalidReason::PropertiesInvalid, "properties", json)? {
        Some(json) if json.len() > limits::PROPERTIES_BYTES_MAX => Err(Invalid::new(
            InvalidReason::PropertiesTooLarge,
            format!(
                "`properties` has {} bytes of JSON; at most {} are accepted: send fewer or shorter values",
                json.len(),
                limits::PROPERTIES_BYTES_MAX
            ),
        )),
        found => Ok(found),
    }
}
