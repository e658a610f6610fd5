//! `/api/keys`: lists, creates and changes keys. Needs an admin token.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::access::Admin;
use super::cost::{Change, Summary};
use super::json::{JsonBody, JsonResponse};
use crate::app::App;
use crate::http::path_text::PathText;
use crate::http::problem::{Problem, quoted};
use crate::keys::bootstrap::new_text;
use crate::keys::origin_pattern::OriginPattern;
use crate::store::{Key, KeyKind, KeyRules};

/// Longest source, in bytes.
const SOURCE_BYTES_MAX: usize = 64;
/// Most origins of one key.
const ORIGINS_MAX: usize = 64;

#[derive(Serialize)]
struct KeysJson {
    keys: Vec<KeyJson>,
}

#[derive(Serialize)]
struct KeyJson {
    id: String,
    kind: &'static str,
    source: String,
    /// The key itself. A public key is always shown, and a secret one only when it is created.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    origins: Vec<String>,
    bytes_per_s: Option<u64>,
    events_per_s: Option<u64>,
    made: i64,
    disabled: Option<i64>,
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
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    kind: String,
    source: String,
    #[serde(default)]
    origins: Vec<String>,
    bytes_per_s: Option<u64>,
    events_per_s: Option<u64>,
}

/// The body of `PATCH /api/keys/{id}`. A field that is missing stays as it is, and `null` removes a
/// limit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyChange {
    origins: Option<Vec<String>>,
    #[serde(default)]
    bytes_per_s: LimitChange,
    #[serde(default)]
    events_per_s: LimitChange,
    disabled: Option<bool>,
}

/// A change of a limit.
#[derive(Debug, Default)]
enum LimitChange {
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
        Option::deserialize(deserializer).map(Self::Set)
    }
}

/// `GET /api/keys`: every key and its rules. Secret texts are not stored, so they are not shown.
pub async fn keys(_: Admin<Summary>, State(app): State<Arc<App>>) -> Result<JsonResponse, Problem> {
    let keys = app.storage.keys.list().await?.into_iter().map(KeyJson::new).collect();
    JsonResponse::new(&KeysJson { keys })
}

/// `POST /api/keys`: creates a key, which is valid at once. The text of a secret one appears only
/// in this answer.
pub async fn create_key(
    _: Admin<Change>,
    State(app): State<Arc<App>>,
    JsonBody(new): JsonBody<NewKey>,
) -> Result<(StatusCode, JsonResponse), Problem> {
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
    let created = JsonResponse::new(&KeyJson { key: Some(text), ..KeyJson::new(key) })?;
    Ok((StatusCode::CREATED, created))
}

/// `PATCH /api/keys/{id}`: changes a key's rules, disables it or enables it. The change applies
/// from the next request on.
pub async fn change_key(
    Admin { token: own, .. }: Admin<Change>,
    State(app): State<Arc<App>>,
    PathText(id): PathText,
    JsonBody(change): JsonBody<KeyChange>,
) -> Result<JsonResponse, Problem> {
    let found = app.storage.keys.list().await?.into_iter().find(|key| key.id == id);
    let mut key = found.ok_or_else(|| key_not_found(&id))?;
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
        return Err(key_not_found(&id));
    }
    app.keyring.put(key.clone());
    JsonResponse::new(&KeyJson::new(key))
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
