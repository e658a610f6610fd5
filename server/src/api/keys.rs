//! `/api/keys`: who may do what. Takes an admin token.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::{check_admin, json, read_json};
use crate::app::App;
use crate::http::problem::Problem;
use crate::keys::bootstrap::new_text;
use crate::store::{Key, KeyKind, KeyRules};

/// Longest name of a source, in bytes.
const SOURCE_BYTES_MAX: usize = 64;
/// Most origins of one key, and the longest of them in bytes.
const ORIGINS_MAX: (usize, usize) = (64, 256);

#[derive(Serialize)]
struct KeysJson {
    keys: Vec<KeyJson>,
}

#[derive(Serialize)]
struct KeyJson {
    id: String,
    kind: &'static str,
    source: String,
    /// The key itself: always for one that is public, and once for one that was just made.
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKey {
    kind: String,
    source: String,
    #[serde(default)]
    origins: Vec<String>,
    bytes_per_s: Option<u64>,
    events_per_s: Option<u64>,
}

/// What to change; members that are missing stay as they are, `null` takes a limit away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyChange {
    origins: Option<Vec<String>>,
    #[serde(default)]
    bytes_per_s: Limit,
    #[serde(default)]
    events_per_s: Limit,
    disabled: Option<bool>,
}

/// What becomes of a limit.
#[derive(Default)]
enum Limit {
    #[default]
    Stays,
    Becomes(Option<u64>),
}

impl Limit {
    fn change(self, limit: &mut Option<u64>) {
        if let Self::Becomes(new) = self {
            *limit = new;
        }
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::Becomes)
    }
}

/// `GET /api/keys`: every key and its rules. Texts of secret ones are kept nowhere.
pub async fn keys(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let read = async {
        check_admin(&app, &headers)?;
        Ok::<_, Problem>(app.storage.keys.list().await?.into_iter().map(KeyJson::new).collect())
    };
    match read.await {
        Ok(keys) => json(&KeysJson { keys }),
        Err(problem) => problem.into_response(),
    }
}

/// `POST /api/keys`: makes a key, which is valid at once. The answer is the only place where a secret one stands.
pub async fn make_key(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    match make(&app, &headers, &body).await {
        Ok(key) => (StatusCode::CREATED, json(&key)).into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn make(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<KeyJson, Problem> {
    check_admin(app, headers)?;
    let new: NewKey = read_json(body)?;
    let kind = KeyKind::from_name(&new.kind)
        .ok_or_else(|| invalid("`kind` is not one of write, secret, admin, viewer"))?;
    if new.source.is_empty() || new.source.len() > SOURCE_BYTES_MAX {
        return Err(invalid(format!("`source` does not have 1 to {SOURCE_BYTES_MAX} bytes")));
    }
    let text = new_text(kind, &*app.entropy).map_err(|error| Problem::internal(&error))?;
    let mut key = Key::new(kind, &new.source, &text, app.clock.now_ms());
    key.rules = KeyRules {
        origins: new.origins,
        bytes_per_s: new.bytes_per_s,
        events_per_s: new.events_per_s,
    };
    check_rules(&key)?;
    app.storage.keys.add(vec![key.clone()]).await?;
    app.keyring.put(key.clone());
    Ok(KeyJson { key: Some(text), ..KeyJson::new(key) })
}

/// `PATCH /api/keys/{id}`: changes a key's rules, disables or enables it. Holds from the next request on.
pub async fn change_key(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    match change(&app, &headers, &id, &body).await {
        Ok(key) => json(&key),
        Err(problem) => problem.into_response(),
    }
}

async fn change(app: &App, headers: &HeaderMap, id: &str, body: &[u8]) -> Result<KeyJson, Problem> {
    let own = check_admin(app, headers)?;
    let change: KeyChange = read_json(body)?;
    let found = app.storage.keys.list().await?.into_iter().find(|key| key.id == id);
    let mut key = found.ok_or_else(|| Problem::not_found("no key has this id"))?;
    if let Some(origins) = change.origins {
        key.rules.origins = origins;
    }
    change.bytes_per_s.change(&mut key.rules.bytes_per_s);
    change.events_per_s.change(&mut key.rules.events_per_s);
    match change.disabled {
        Some(true) if own.key.id == key.id => {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "key_in_use",
                "this is the token that you are using; disable it with another one",
            ));
        }
        Some(true) => key.disabled_ms = key.disabled_ms.or(Some(app.clock.now_ms())),
        Some(false) => key.disabled_ms = None,
        None => {}
    }
    check_rules(&key)?;
    if !app.storage.keys.change(key.clone()).await? {
        return Err(Problem::not_found("no key has this id any more"));
    }
    app.keyring.put(key.clone());
    Ok(KeyJson::new(key))
}

fn check_rules(key: &Key) -> Result<(), Problem> {
    let rules = &key.rules;
    if *rules != KeyRules::default() && !matches!(key.kind, KeyKind::Write | KeyKind::Secret) {
        return Err(invalid("only keys for sending events have origins and limits"));
    }
    let is_origin = |origin: &String| {
        origin.len() <= ORIGINS_MAX.1
            && origin.bytes().all(|byte| byte.is_ascii_graphic())
            && origin.split_once("://").is_some_and(|(scheme, host)| {
                !scheme.is_empty() && !host.is_empty() && !host.contains('/')
            })
    };
    if rules.origins.len() > ORIGINS_MAX.0 || !rules.origins.iter().all(is_origin) {
        return Err(invalid(format!(
            "`origins` are not at most {} of the form https://shop.example or https://*.shop.example",
            ORIGINS_MAX.0
        )));
    }
    if rules.bytes_per_s == Some(0) || rules.events_per_s == Some(0) {
        return Err(invalid("a rate is 0; to let nothing in, disable the key"));
    }
    if rules.bytes_per_s.max(rules.events_per_s) > Some(i64::MAX.unsigned_abs()) {
        return Err(invalid("a rate is too large"));
    }
    Ok(())
}

fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "key_invalid", detail)
}
