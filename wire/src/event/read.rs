//! Reading an event. A problem with it becomes a reason, never a failed request.

use std::borrow::Cow;

use super::EventIdentity;
use crate::monitor::Monitor;
use crate::reason::InvalidReason;
use crate::time::ClientTime;
use crate::user::User;
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

/// An event that can be stored. Texts ending in `json` are as received.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// What happened.
    pub name: Cow<'a, str>,
    /// When it happened by the client's clock, if the client sent a time.
    pub ts: Option<ClientTime>,
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
        let name = checked_name(name)?;
        let monitor = match small_object("monitor", monitor, limits::MONITOR_BYTES_MAX)? {
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
            ts: ts.map(checked_ts).transpose()?,
            identity: EventIdentity::checked(
                producer.as_deref(),
                number_of(seq)?,
                text_of("id", id)?,
            )?,
            kind: checked_kind(text_of("type", kind)?.as_deref(), monitor.is_some())?,
            user: User::read(user_id, anonymous_id)?,
            session: checked_session(session)?,
            properties_json: checked_properties(properties)?,
            context_json: small_object("context", context, limits::CONTEXT_BYTES_MAX)?,
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

/// The most bytes of JSON that a text of this many bytes has: each may be an escape, between
/// quotes.
const fn json_bytes_max(text_bytes: usize) -> usize {
    6 * text_bytes + 2
}

fn too_large(field: &str, bytes: usize, most: &str) -> Invalid {
    Invalid::new(
        InvalidReason::FieldTooLarge,
        format!("`{field}` has {bytes} bytes; at most {most} are accepted: shorten it"),
    )
}

/// A member that is far too large is not copied to find that out.
fn checked_session(json: Option<&str>) -> Result<Option<Cow<'_, str>>, Invalid> {
    let most = limits::SESSION_BYTES_MAX;
    let too_large = |bytes| Err(too_large("session", bytes, &format!("{most} bytes")));
    match json {
        Some(json) if json.len() > json_bytes_max(most) => too_large(json.len()),
        _ => match text_of("session", json)? {
            Some(text) if text.len() > most => too_large(text.len()),
            text => Ok(text),
        },
    }
}

/// An object of at most this many bytes of JSON.
fn small_object<'a>(
    field: &str,
    json: Option<&'a str>,
    most: usize,
) -> Result<Option<&'a str>, Invalid> {
    match object(field, json)? {
        Some(json) if json.len() > most => {
            Err(too_large(field, json.len(), &format!("{most} bytes of JSON")))
        }
        found => Ok(found),
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

fn checked_name(json: Option<&str>) -> Result<Cow<'_, str>, Invalid> {
    let too_long = |bytes: usize| {
        Err(Invalid::new(
            InvalidReason::NameTooLong,
            format!(
                "`name` has {bytes} bytes; at most {} are accepted: shorten it",
                limits::NAME_BYTES_MAX
            ),
        ))
    };
    if let Some(json) = json
        && json.starts_with('"')
        && json.len() > json_bytes_max(limits::NAME_BYTES_MAX)
    {
        return too_long(json.len());
    }
    match text_of("name", json)? {
        None => Err(Invalid::new(
            InvalidReason::NameMissing,
            "`name` is missing: give it 1 to 200 bytes",
        )),
        Some(name) if name.is_empty() => {
            Err(Invalid::new(InvalidReason::NameMissing, "`name` is empty: give it 1 to 200 bytes"))
        }
        Some(name) if name.len() > limits::NAME_BYTES_MAX => too_long(name.len()),
        Some(name) => Ok(name),
    }
}

fn checked_ts(json: &str) -> Result<ClientTime, Invalid> {
    ClientTime::read(json).ok_or_else(|| {
        let given: String = json.chars().take(40).collect();
        Invalid::new(
            InvalidReason::TsInvalid,
            format!(
                "`ts` {given} is no time: send milliseconds since 1970, or RFC 3339 text such as \
                 2026-01-31T12:00:00Z"
            ),
        )
    })
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
