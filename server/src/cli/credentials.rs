//! What `lamplight keys` and `lamplight token` share: both work on the keys of the API.

use std::io::Write;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::outcome::{CommandError, Outcome};
use crate::client::{Api, segment};
use crate::terminal::{Column, Output, Table, local_time};

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Credential>,
}

#[derive(Deserialize, Serialize)]
struct Credential {
    id: String,
    kind: String,
    source: String,
    key: Option<String>,
    origins: Vec<String>,
    bytes_per_s: Option<u64>,
    events_per_s: Option<u64>,
    made: i64,
    disabled: Option<i64>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// One half of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    /// Write and secret keys, which send events.
    Keys,
    /// Admin and viewer tokens, which read and change.
    Tokens,
}

impl Half {
    fn has(self, kind: &str) -> bool {
        (self == Self::Tokens) == matches!(kind, "admin" | "viewer")
    }

    /// The command for it, and the one for the other half.
    const fn commands(self) -> (&'static str, &'static str) {
        match self {
            Self::Keys => ("lamplight keys", "lamplight token"),
            Self::Tokens => ("lamplight token", "lamplight keys"),
        }
    }
}

async fn read(api: &Api, half: Half) -> Result<Vec<Credential>, CommandError> {
    let Keys { keys } = api.get("/api/keys", &[]).await?;
    Ok(keys.into_iter().filter(|key| half.has(&key.kind)).collect())
}

pub(super) async fn list(
    api: &Api,
    half: Half,
    is_json: bool,
    out: &mut Output,
) -> Result<Outcome, CommandError> {
    let keys = read(api, half).await?;
    if is_json {
        for key in &keys {
            writeln!(out, "{}", serde_json::to_string(key).unwrap_or_default())?;
        }
    } else {
        let titles: &[&str] = match half {
            Half::Keys => &["id", "kind", "source", "made", "state", "key", "limits"],
            Half::Tokens => &["id", "kind", "source", "made", "state"],
        };
        let mut table = Table::new(titles.iter().map(|title| Column::text(title)));
        for key in &keys {
            let day = |ms| local_time(ms, "%Y-%m-%d");
            let state = key.disabled.map_or("valid".into(), |ms| format!("revoked {}", day(ms)));
            let shown = key.key.clone().unwrap_or_else(|| "(secret)".into());
            let cells = [
                key.id.clone(),
                key.kind.clone(),
                key.source.clone(),
                day(key.made),
                state,
                shown,
                limits(key),
            ];
            table.row(cells.into_iter().take(titles.len()));
        }
        table.write(out)?;
    }
    out.flush()?;
    Ok(Outcome::Done)
}

fn limits(key: &Credential) -> String {
    let rate = |rate: Option<u64>, unit| rate.map(|rate| format!("{rate} {unit}/s"));
    let rates = [rate(key.events_per_s, "events"), rate(key.bytes_per_s, "bytes")];
    let parts = rates.into_iter().flatten().chain(key.origins.iter().cloned());
    parts.collect::<Vec<_>>().join(", ")
}

/// Creates a key, and prints its text alone, so that a script can take it.
pub(super) async fn create(
    api: &Api,
    new: &Value,
    is_json: bool,
    out: &mut Output,
) -> Result<Outcome, CommandError> {
    let created: Credential = api.post("/api/keys", new).await?;
    if is_json {
        writeln!(out, "{}", serde_json::to_string(&created).unwrap_or_default())?;
    } else {
        writeln!(out, "{}", created.key.as_deref().unwrap_or_default())?;
    }
    out.flush()?;
    let secret = match created.kind.as_str() {
        "write" => "",
        _ => ". Save it now: only its hash is stored, and it is not shown again",
    };
    Output::note(&format!("created {} {}{secret}", created.kind, created.id));
    Ok(Outcome::Done)
}

/// Disables a key of this half, or enables it again.
pub(super) async fn set_revoked(
    api: &Api,
    half: Half,
    id: &str,
    is_revoked: bool,
) -> Result<Outcome, CommandError> {
    let (own, other) = half.commands();
    let Keys { keys } = api.get("/api/keys", &[]).await?;
    let doing = if is_revoked { "revoke" } else { "enable" };
    let Some(key) = keys.iter().find(|key| key.id == id) else {
        // It may be the key itself, which must not be shown.
        return Err(CommandError::Failed(format!(
            "{doing} it: there is no such id. `{own} list` shows the ids; the text of a key is none"
        )));
    };
    if !half.has(&key.kind) {
        let kind = &key.kind;
        return Err(CommandError::Failed(format!(
            "{doing} {id}: it is of kind {kind}. Use `{other} {doing} {id}`"
        )));
    }
    let path = format!("/api/keys/{}", segment(id));
    let changed: Credential = api.patch(&path, &json!({ "disabled": is_revoked })).await?;
    let state = if changed.disabled.is_some() { "revoked" } else { "enabled" };
    let effect = match (changed.disabled, half) {
        (None, _) => "",
        (_, Half::Keys) => ". Pages that use it keep their events until they get another key",
        (_, Half::Tokens) => ". Requests with it are refused from now on",
    };
    Output::note(&format!("{state} {id}{effect}"));
    Ok(Outcome::Done)
}
