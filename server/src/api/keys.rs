//! `/api/keys`: lists, creates and changes keys. Needs an admin token.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::access::Admin;
use super::cost::{Change, Summary};
use super::json::{Created, JsonBody, JsonResponse};
use super::whole_number;
use crate::app::App;
use crate::http::path_text::PathText;
use crate::http::problem::{Problem, quoted};
use crate::keys::bootstrap::new_text;
use crate::keys::keyring::HeldKey;
use crate::keys::origin_pattern::OriginPattern;
use crate::openapi::{Form, Group, Operation, Param, RequestBody};
use crate::store::{Key, KeyKind, KeyRules};

/// Longest source, in bytes.
const SOURCE_BYTES_MAX: usize = 64;
/// Most origins of one key.
const ORIGINS_MAX: usize = 64;

/// Every key.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Keys")]
pub struct KeysJson {
    keys: Vec<KeyJson>,
}

/// A key and its rules.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Key")]
pub struct KeyJson {
    pub(crate) id: String,
    #[schemars(extend("enum" = ["write", "secret", "admin", "viewer"]))]
    pub(crate) kind: &'static str,
    pub(crate) source: String,
    /// The key itself. A public key is always shown, and a secret one only when it is created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    pub(crate) origins: Vec<String>,
    pub(crate) bytes_per_s: Option<u64>,
    pub(crate) events_per_s: Option<u64>,
    /// When it was created.
    pub(crate) made: i64,
    /// Since when it is disabled.
    pub(crate) disabled: Option<i64>,
}

impl KeyJson {
    fn new(key: Key) -> Self {
        Self {
            id: key.id,
            kind: key.kind.name(),
            source: key.source,
            key: key.public_text,
            origins: key.rules.origins,
            bytes_per_s: key.rules.bytes_per_s,
            events_per_s: key.rules.events_per_s,
            made: key.made_ms,
            disabled: key.disabled_ms,
        }
    }
}

/// The body of `POST /api/keys`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "NewKey")]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// `write` is for pages, `secret` for backends, `viewer` reads, and `admin` does everything.
    #[schemars(extend("enum" = ["write", "secret", "admin", "viewer"]))]
    pub(crate) kind: String,
    /// Where the key is used: 1 to 64 bytes.
    #[schemars(length(min = 1, max = 64))]
    pub(crate) source: String,
    /// The origins of the pages that may use it, such as `https://shop.example.com`. Any, without
    /// an entry.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub(crate) origins: Vec<String>,
    /// How many bytes it may send per second, on average.
    #[serde(default, deserialize_with = "whole_number::optional")]
    #[schemars(range(min = 1, max = 9_223_372_036_854_775_807_u64))]
    pub(crate) bytes_per_s: Option<u64>,
    /// How many events it may send per second, on average.
    #[serde(default, deserialize_with = "whole_number::optional")]
    #[schemars(range(min = 1, max = 9_223_372_036_854_775_807_u64))]
    pub(crate) events_per_s: Option<u64>,
}

impl RequestBody for NewKey {}

/// The body of `PATCH /api/keys/{id}`. A field that is missing stays as it is, and `null` removes a
/// limit.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(rename = "KeyChange")]
#[serde(deny_unknown_fields)]
pub struct KeyChange {
    /// The origins of the pages that may use it.
    #[schemars(length(max = 64))]
    pub(crate) origins: Option<Vec<String>>,
    /// How many bytes it may send per second.
    #[serde(default)]
    #[schemars(with = "Option<u64>")]
    #[schemars(range(min = 1, max = 9_223_372_036_854_775_807_u64))]
    pub(crate) bytes_per_s: LimitChange,
    /// How many events it may send per second.
    #[serde(default)]
    #[schemars(with = "Option<u64>")]
    #[schemars(range(min = 1, max = 9_223_372_036_854_775_807_u64))]
    pub(crate) events_per_s: LimitChange,
    /// Whether it is refused from now on.
    pub(crate) disabled: Option<bool>,
}

impl RequestBody for KeyChange {}

/// A change of a limit.
#[derive(Debug, Default)]
pub(crate) enum LimitChange {
    #[default]
    Keep,
    Set(Option<u64>),
}

impl LimitChange {
    fn apply(self, limit: &mut Option<u64>) {
        if let Self::Set(new) = self {
            *limit = new;
        }
    }
}

impl<'de> Deserialize<'de> for LimitChange {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole_number::optional(deserializer).map(Self::Set)
    }
}

/// Describes [`keys`].
pub const KEYS: Operation = Operation::new(Group::Keys, "listKeys", "List keys and tokens")
    .about("Every key and its rules. Secret texts are not stored, so they are not shown.");

/// Describes [`create_key`].
pub const CREATE_KEY: Operation = Operation::new(Group::Keys, "createKey", "Create a key or token")
    .about(
        "It is valid at once. The text of a secret one is shown only in this answer. Only write and \
         secret keys have limits and origins.",
    )
    .body_example(r#"{"kind": "write", "source": "shop", "origins": ["https://shop.example.com"]}"#)
    .problems(&["key_invalid"]);

/// Describes [`change_key`].
pub const CHANGE_KEY: Operation = Operation::new(Group::Keys, "changeKey", "Change a key or token")
    .about(
        "Changes its rules, disables it or enables it, from the next request on. A field that is \
         missing stays as it is, and `null` removes a limit.",
    )
    .part(Param::new("id", Form::Text, "The id of the key").required().example("wk_0123456789ab"))
    .body_example(r#"{"events_per_s": 5000}"#)
    .problems(&["not_found", "key_in_use", "key_invalid"]);

/// `GET /api/keys`: every key and its rules. Secret texts are not stored, so they are not shown.
pub async fn keys(
    _: Admin<Summary>,
    State(app): State<Arc<App>>,
) -> Result<JsonResponse<KeysJson>, Problem> {
    JsonResponse::new(&KeysJson { keys: read_keys(&app).await? })
}

/// Reads every key and its rules.
pub(crate) async fn read_keys(app: &App) -> Result<Vec<KeyJson>, Problem> {
    Ok(app.storage.keys.list().await?.into_iter().map(KeyJson::new).collect())
}

/// `POST /api/keys`: creates a key, which is valid at once. The text of a secret one appears only
/// in this answer.
pub async fn create_key(
    _: Admin<Change>,
    State(app): State<Arc<App>>,
    JsonBody(new): JsonBody<NewKey>,
) -> Result<Created<KeyJson>, Problem> {
    Ok(Created(JsonResponse::new(&make_key(&app, new).await?)?))
}

/// Creates a key, and returns it with its text.
pub(crate) async fn make_key(app: &App, new: NewKey) -> Result<KeyJson, Problem> {
    let kind = KeyKind::from_name(&new.kind).ok_or_else(|| {
        invalid(format!(
            "invalid value {} for `kind`: send write, secret, admin or viewer",
            quoted(&new.kind)
        ))
    })?;
    if new.source.is_empty() || new.source.len() > SOURCE_BYTES_MAX {
        return Err(invalid(format!(
            "`source` has {} bytes: send 1 to {SOURCE_BYTES_MAX}",
            new.source.len()
        )));
    }
    let text = new_text(kind, &*app.entropy).map_err(|error| Problem::internal(&error))?;
    let mut key = Key::new(kind, &new.source, &text, app.clock.now_ms());
    key.rules = KeyRules {
        origins: new.origins,
        bytes_per_s: new.bytes_per_s,
        events_per_s: new.events_per_s,
    };
    key.rules.origins = usual_origins(&key.rules.origins)?;
    check_rules(&key)?;
    app.storage.keys.add(vec![key.clone()]).await?;
    app.keyring.put(key.clone());
    Ok(KeyJson { key: Some(text), ..KeyJson::new(key) })
}

/// `PATCH /api/keys/{id}`: changes a key's rules, disables it or enables it. The change applies
/// from the next request on.
pub async fn change_key(
    Admin { token: own, .. }: Admin<Change>,
    State(app): State<Arc<App>>,
    PathText(id): PathText,
    JsonBody(change): JsonBody<KeyChange>,
) -> Result<JsonResponse<KeyJson>, Problem> {
    JsonResponse::new(&apply_key_change(&app, &own, &id, change).await?)
}

/// Changes the key with this id. `own` is the token of who wants it.
pub(crate) async fn apply_key_change(
    app: &App,
    own: &HeldKey,
    id: &str,
    change: KeyChange,
) -> Result<KeyJson, Problem> {
    let found = app.storage.keys.list().await?.into_iter().find(|key| key.id == id);
    let mut key = found.ok_or_else(|| key_not_found(id))?;
    if let Some(origins) = change.origins {
        key.rules.origins = usual_origins(&origins)?;
    }
    change.bytes_per_s.apply(&mut key.rules.bytes_per_s);
    change.events_per_s.apply(&mut key.rules.events_per_s);
    match change.disabled {
        Some(true) if own.key.id == key.id => {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "key_in_use",
                format!("this request uses token {id}: use another admin token to disable it"),
            ));
        }
        Some(true) => key.disabled_ms = key.disabled_ms.or(Some(app.clock.now_ms())),
        Some(false) => key.disabled_ms = None,
        None => {}
    }
    check_rules(&key)?;
    if !app.storage.keys.change(key.clone()).await? {
        return Err(key_not_found(id));
    }
    app.keyring.put(key.clone());
    Ok(KeyJson::new(key))
}

fn key_not_found(id: &str) -> Problem {
    Problem::not_found(format!(
        "no key has the id {}: GET /api/keys lists the keys with their ids",
        quoted(id)
    ))
}

fn check_rules(key: &Key) -> Result<(), Problem> {
    let rules = &key.rules;
    if *rules != KeyRules::default() && !matches!(key.kind, KeyKind::Write | KeyKind::Secret) {
        return Err(invalid(format!(
            "a key of kind {} has no origins and no limits: leave them out, or create a write or \
             secret key",
            key.kind.name()
        )));
    }
    for (name, rate) in [("bytes_per_s", rules.bytes_per_s), ("events_per_s", rules.events_per_s)] {
        if rate == Some(0) {
            return Err(invalid(format!(
                "`{name}` is 0: send a larger number, or disable the key to refuse everything"
            )));
        }
        if rate > Some(i64::MAX.unsigned_abs()) {
            return Err(invalid(format!("`{name}` is too large: send at most {}", i64::MAX)));
        }
    }
    Ok(())
}

/// Origins as browsers write them, each once.
fn usual_origins(given: &[String]) -> Result<Vec<String>, Problem> {
    if given.len() > ORIGINS_MAX {
        let count = given.len();
        return Err(invalid(format!("`origins` has {count} entries: send at most {ORIGINS_MAX}")));
    }
    let mut origins: Vec<String> = Vec::new();
    for pattern in given {
        let origin = OriginPattern::parse(pattern).map_err(|error| invalid(error.to_string()))?;
        let origin = origin.to_string();
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    Ok(origins)
}

fn invalid(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "key_invalid", detail)
}
