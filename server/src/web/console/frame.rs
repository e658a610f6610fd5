//! What surrounds every page: the menu, who is signed in, and what is wrong at the moment.

use http::Uri;

use crate::api::partial;
use crate::app::App;
use crate::keys::keyring::HeldKey;
use crate::store::KeyKind;

/// An entry of the menu.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) path: &'static str,
    pub(super) name: &'static str,
}

/// The menu, in groups.
pub(super) const MENU: &[&[Entry]] = &[
    &[
        Entry { path: "/overview", name: "Overview" },
        Entry { path: "/live", name: "Live" },
        Entry { path: "/events", name: "Events" },
        Entry { path: "/producers", name: "Completeness" },
    ],
    &[
        Entry { path: "/queues", name: "Queues and sinks" },
        Entry { path: "/errors", name: "Errors" },
        Entry { path: "/query", name: "Query" },
    ],
    &[
        Entry { path: "/sources", name: "Sources" },
        Entry { path: "/trends", name: "Trends" },
        Entry { path: "/alerts", name: "Alerts" },
    ],
];

/// What surrounds a page.
#[derive(Debug)]
pub(super) struct Frame {
    /// The entry of the menu that the page belongs to.
    path: &'static str,
    /// The address of the same as JSON, if there is one.
    pub(super) json: Option<String>,
    /// The id of the token of who is signed in.
    pub(super) token: String,
    /// Whether that token may make changes.
    pub(super) is_admin: bool,
    pub(super) now_ms: i64,
    pub(super) version: &'static str,
}

impl Frame {
    pub(super) fn new(app: &App, held: &HeldKey, path: &'static str, uri: Option<&Uri>) -> Self {
        let json = uri.map(|uri| {
            let mark = if uri.query().is_some_and(|query| !query.is_empty()) { "&" } else { "" };
            format!("{}?{}{mark}format=json", uri.path(), uri.query().unwrap_or_default())
        });
        Self {
            path,
            json,
            token: held.key.id.clone(),
            is_admin: held.key.kind == KeyKind::Admin,
            now_ms: app.clock.now_ms(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// The same for a page that has no twin in JSON.
    pub(super) fn without_json(self) -> Self {
        Self { json: None, ..self }
    }

    /// What to say about databases that did not answer, if the page lacks what they have. Known
    /// once the page is rendered.
    pub(super) fn missing(&self) -> Option<String> {
        let numbers = partial::missing_here()?;
        let (which, they) =
            if numbers.contains(',') { ("Shards", "they have") } else { ("Shard", "it has") };
        let verb = if which == "Shards" { "do" } else { "does" };
        Some(format!(
            "{which} {numbers} {verb} not answer. What {they} is missing on this page. Nothing is lost."
        ))
    }

    pub(super) fn menu(&self) -> &'static [&'static [Entry]] {
        MENU
    }

    pub(super) fn is_current(&self, entry: &Entry) -> bool {
        entry.path == self.path
    }
}
