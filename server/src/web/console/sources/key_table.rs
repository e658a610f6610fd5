//! A table of keys, with the forms that change them.

use askama::Template;

use super::super::shown::{self, Markup};
use crate::api::KeyJson;
use crate::http::problem::Problem;

#[derive(Template)]
#[template(path = "sources/key_table.html")]
struct KeyTable<'a> {
    keys: &'a [&'a KeyJson],
    /// The key that was just changed.
    changed: Option<&'a KeyJson>,
    may_change: bool,
    /// The token that this page is shown to.
    own: &'a str,
    now_ms: i64,
}

/// How the table is shown, and who looks at it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'a> {
    /// The id of the key that was just changed.
    pub(super) changed: Option<&'a str>,
    /// Whether the keys can be changed.
    pub(super) may_change: bool,
    /// The id of the token of who looks.
    pub(super) own: &'a str,
    pub(super) now_ms: i64,
}

pub(super) fn render(keys: &[&KeyJson], shown: Shown<'_>) -> Result<Markup, Problem> {
    let Shown { changed, may_change, own, now_ms } = shown;
    let changed = changed.and_then(|id| keys.iter().find(|key| key.id == id)).copied();
    let table = KeyTable { keys, changed, may_change, own, now_ms };
    table.render().map(Markup).map_err(|error| Problem::internal(&error))
}

impl KeyTable<'_> {
    #[allow(clippy::unused_self, reason = "templates call methods")]
    fn rates(&self, key: &KeyJson) -> String {
        let events = key.events_per_s.map(|it| format!("{} events/s", shown::count(it)));
        let bytes = key.bytes_per_s.map(|it| format!("{}/s", shown::bytes(it)));
        let rates: Vec<_> = events.into_iter().chain(bytes).collect();
        if rates.is_empty() { "the default".into() } else { rates.join(", ") }
    }

    /// Whether the key sends events, so that it has origins and rates.
    #[allow(clippy::unused_self, reason = "templates call methods")]
    fn sends(&self, key: &KeyJson) -> bool {
        matches!(key.kind, "write" | "secret")
    }

    /// The value of a field with a rate, which is empty without one.
    #[allow(clippy::unused_self, reason = "templates call methods")]
    fn field(&self, rate: &Option<u64>) -> String {
        rate.map_or_else(String::new, |rate| rate.to_string())
    }

    fn is_own(&self, key: &KeyJson) -> bool {
        key.id == self.own
    }

    #[allow(clippy::unused_self, reason = "templates call methods")]
    fn origin_lines(&self, key: &KeyJson) -> String {
        key.origins.join("\n")
    }
}
