//! A server in this process whose clock is set, with SQLite, the API and the watcher.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lamplight_server::app::{App, MetricsBySink};
use lamplight_server::config::parse_rules;
use lamplight_server::http::listen;
use lamplight_server::intake::ClientInfoPolicy;
use lamplight_server::keys::keyring::Keyring;
use lamplight_server::router;
use lamplight_server::store::WriterLimits;
use lamplight_server::store::sqlite;
use lamplight_server::store::{Key, KeyKind, NamePattern, Route, Storage};
use lamplight_server::system::clock::Clock;
use lamplight_server::system::disk_space::DiskSpace;
use lamplight_server::system::entropy::SystemEntropy;
use lamplight_server::watcher::{WatchRules, Watcher};
use lamplight_wire::event::Kind;
use serde_json::Value;
use tokio::sync::{Notify, watch};
use tokio::task::block_in_place;

use super::clock::SetClock;
use crate::harness::{ADMIN_TOKEN, Reply, WRITE_KEY, agent, reply};
use crate::store::sample::NOW;

pub(crate) const MINUTE_MS: i64 = 60 * 1000;

/// A server whose clock is set.
pub(crate) struct World {
    pub(crate) clock: Arc<SetClock>,
    pub(crate) app: Arc<App>,
    url: String,
    watcher: Watcher,
    _stop: watch::Sender<bool>,
}

/// What differs between servers.
pub(crate) struct Setup<'a> {
    /// The configuration of alerts.
    pub(crate) rules: &'a str,
    pub(crate) has_webhook: bool,
    pub(crate) floor_bytes: u64,
    pub(crate) now_ms: i64,
    pub(crate) run: u64,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self { rules: "", has_webhook: false, floor_bytes: 0, now_ms: NOW, run: 1 }
    }
}

impl World {
    /// A server on the data in `folder`, with a sink called `crm`
    /// that gets the events called `a`.
    pub(crate) async fn start(folder: &Path, setup: Setup<'_>) -> Self {
        let (types, only, except) = (vec![Kind::Default], vec![NamePattern::new("a")], Vec::new());
        let route = Route { sink: "crm".into(), kind: "file", types, only, except };
        let (intake, store) = (folder.join("intake.db"), folder.join("store.db"));
        let storage = sqlite::open(&intake, &store, WriterLimits::default(), vec![route]).unwrap();
        let clock = Arc::new(SetClock::at(setup.now_ms));
        let keys = [(KeyKind::Write, WRITE_KEY), (KeyKind::Admin, ADMIN_TOKEN)];
        let app = App::new(
            storage,
            MetricsBySink::new(),
            Keyring::new(keys.map(|(kind, text)| Key::new(kind, "web", text, 1))),
            ClientInfoPolicy::default(),
            Arc::<SetClock>::clone(&clock),
            Arc::new(SystemEntropy),
            Arc::new(DiskSpace::new(folder.to_owned(), setup.floor_bytes)),
        );
        let alerts = parse_rules(setup.rules).unwrap();
        let watch = WatchRules { alerts, has_webhook: setup.has_webhook, ..WatchRules::default() };
        let app = Arc::new(App { watch: Arc::new(watch), ..app });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = watch::channel(false);
        let router = router::router(&app, None);
        let addresses = Arc::clone(&app.addresses);
        tokio::spawn(listen::serve(listener, router, stopped, Duration::ZERO, addresses));
        let watcher = Watcher::new(Arc::clone(&app), setup.run, Arc::<Notify>::default());
        Self { clock, app, url, watcher, _stop: stop }
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.app.storage
    }

    /// Closes the databases, as a stop would.
    pub(crate) async fn stop(self) {
        self.app.storage.close().await.unwrap();
    }

    /// Takes a sample and evaluates the rules, now.
    pub(crate) async fn watch(&mut self) {
        self.watcher.round().await.unwrap();
    }

    /// Lets this many minutes pass, and watches in each.
    pub(crate) async fn minutes(&mut self, count: u32) {
        for _ in 0..count {
            self.clock.pass(MINUTE_MS);
            self.watch().await;
        }
    }

    pub(crate) fn read(&self, path: &str) -> Reply {
        let bearer = format!("Bearer {ADMIN_TOKEN}");
        let request = agent().get(format!("{}{path}", self.url)).header("authorization", bearer);
        block_in_place(|| reply(request.call().unwrap()))
    }

    /// Posts to intake without a key.
    pub(crate) fn post_without_key(&self) {
        let request = agent().post(format!("{}/v1/events", self.url));
        let refused = block_in_place(|| reply(request.send("[]").unwrap()));
        assert_eq!(refused.status, 401);
    }

    pub(crate) fn alerts(&self) -> Value {
        let reply = self.read("/api/alerts?limit=500");
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    /// What was said, the first first: `firing queue_age process`.
    pub(crate) fn said(&self) -> Vec<String> {
        let alerts = self.alerts();
        let history = alerts["history"].as_array().unwrap();
        let text = |it: &Value| {
            let [state, rule, thing] =
                ["state", "rule", "thing"].map(|key| it[key].as_str().unwrap());
            format!("{state} {rule} {thing}")
        };
        history.iter().rev().map(text).collect()
    }

    /// The time that the clock shows.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}
