//! The answers when a disk fails, memory runs out, or an event was deleted. The tests compose the
//! server in this process, where a disk can fail.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lamplight_faulty_disk::Disk;
use lamplight_server::app::{App, MetricsBySink};
use lamplight_server::http::listen;
use lamplight_server::intake::ClientInfoPolicy;
use lamplight_server::keys::keyring::Keyring;
use lamplight_server::process::{enrich::Enrichers, plan};
use lamplight_server::router;
use lamplight_server::store::WriterLimits;
use lamplight_server::store::sqlite;
use lamplight_server::store::{
    Answer, Database, Encoding, Key, KeyKind, PayloadId, PayloadMetadata, RetentionLimits, Storage,
};
use lamplight_server::system::clock::{Clock, SystemClock};
use lamplight_server::system::disk_space;
use lamplight_server::system::entropy::SystemEntropy;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use uuid::Uuid;

use crate::harness::{ADMIN_TOKEN, Reply, WRITE_KEY, agent, now, reply};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A server in this process.
pub(super) struct Inside {
    pub(super) runtime: Runtime,
    pub(super) app: Arc<App>,
    pub(super) url: String,
    _stop: watch::Sender<bool>,
}

impl Inside {
    pub(super) fn start(folder: &Path, limits: WriterLimits) -> Self {
        Self::start_with(folder, limits, |storage| storage)
    }

    /// A server with a storage that `change` has changed.
    pub(super) fn start_with(
        folder: &Path,
        limits: WriterLimits,
        change: impl FnOnce(Storage) -> Storage,
    ) -> Self {
        let runtime = Runtime::new().unwrap();
        let (intake, store) = (folder.join("intake.db"), folder.join("store.db"));
        let storage = change(sqlite::open(&intake, &store, limits, Vec::new()).unwrap());
        let keys = [(KeyKind::Write, WRITE_KEY), (KeyKind::Admin, ADMIN_TOKEN)];
        let app = Arc::new(App::new(
            storage,
            MetricsBySink::new(),
            Keyring::new(keys.map(|(kind, text)| Key::new(kind, "web", text, 1))),
            ClientInfoPolicy::default(),
            Arc::new(SystemClock),
            Arc::new(SystemEntropy),
            Arc::new(disk_space::DiskSpace::new(folder.to_owned(), 0)),
        ));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = watch::channel(false);
        let router = router::router(&app, None);
        let addresses = Arc::clone(&app.addresses);
        runtime.spawn(listen::serve(listener, router, stopped, Duration::ZERO, addresses));
        Self { runtime, app, url, _stop: stop }
    }

    pub(super) fn send(&self, body: &str) -> Reply {
        let url = format!("{}/v1/events?key={WRITE_KEY}", self.url);
        let reply =
            reply(agent().post(url).header("content-type", "text/plain").send(body).unwrap());
        reply.check("POST", "/v1/events");
        reply
    }

    fn read(&self, path: &str) -> Reply {
        let bearer = format!("Bearer {ADMIN_TOKEN}");
        let url = format!("{}{path}", self.url);
        let reply = reply(agent().get(url).header("authorization", bearer).call().unwrap());
        reply.check("GET", path);
        reply
    }
}

/// The value of the `Retry-After` header, in seconds.
fn wait_s(reply: &Reply) -> u32 {
    reply.header("retry-after").unwrap().parse().unwrap()
}

#[test]
fn after_a_failed_sync_payloads_are_refused_and_accepted_ones_are_not_lost() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("before");
    std::fs::create_dir(&folder).unwrap();
    let disk = Disk::watch(&folder).unwrap();
    let server = Inside::start(&folder.canonicalize().unwrap(), WriterLimits::default());
    assert_eq!(server.send(r#"[{"name":"kept"}]"#).status, 200);
    assert_eq!(server.read("/readyz").status, 200);
    disk.cut();
    for _ in 0..3 {
        let refused = server.send(r#"[{"name":"refused"}]"#);
        assert_eq!((refused.status, refused.problem().as_str()), (503, "not_writable"));
        assert!((1..=5).contains(&wait_s(&refused)), "{refused:?}");
    }
    let ready = server.read("/readyz");
    assert_eq!((ready.status, ready.problem().as_str()), (503, "not_ready"));
    assert!(!server.app.storage.intake_database.is_up());
    let after = dir.path().join("after");
    std::fs::create_dir(&after).unwrap();
    disk.after_power_cut(7, &after).unwrap();
    let server = Inside::start(&after, WriterLimits::default());
    let backlog = server.runtime.block_on(server.app.storage.payload_queue.backlog()).unwrap();
    assert_eq!(backlog.payloads, 1, "the accepted payload, and not the refused ones");
    assert_eq!(server.send("[]").status, 200);
}

#[test]
fn readiness_returns_without_traffic_once_the_disk_takes_writes_again() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::watch(dir.path()).unwrap();
    let folder = dir.path().canonicalize().unwrap();
    let server = Inside::start(&folder, WriterLimits::default());
    assert_eq!(server.send(r#"[{"name":"before"}]"#).status, 200);
    disk.cut();
    assert_eq!(server.send(r#"[{"name":"refused"}]"#).status, 503);
    // Nobody sends anything now, as behind a load balancer that looks at readiness.
    let ready = || server.read("/readyz").status;
    let begun = now();
    while begun.elapsed() < Duration::from_secs(4) {
        assert_eq!(ready(), 503, "it looks only at a write that worked");
        std::thread::sleep(Duration::from_millis(5));
    }
    disk.restore();
    let begun = now();
    while ready() != 200 {
        assert!(begun.elapsed() < Duration::from_secs(15), "it looks by itself");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(server.send(r#"[{"name":"after"}]"#).status, 200);
}

#[test]
fn readiness_names_the_database_that_takes_no_writes() {
    struct Switch(AtomicBool);
    impl Database for Switch {
        fn is_up(&self) -> bool {
            self.0.load(Ordering::SeqCst)
        }

        fn close(&self) -> Answer<'_, ()> {
            Box::pin(async { Ok(()) })
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let switches = [true, true].map(|is_up| Arc::new(Switch(AtomicBool::new(is_up))));
    let [intake, events] = &switches;
    let server = Inside::start_with(dir.path(), WriterLimits::default(), |storage| Storage {
        intake_database: Arc::clone(intake) as _,
        events_database: Arc::clone(events) as _,
        ..storage
    });
    for (switch, why) in switches.iter().zip(["the payload database", "the event database"]) {
        assert_eq!(server.read("/readyz").status, 200);
        switch.0.store(false, Ordering::SeqCst);
        let reply = server.read("/readyz");
        assert_eq!((reply.status, reply.problem().as_str()), (503, "not_ready"));
        assert!(reply.json()["detail"].as_str().unwrap().starts_with(why), "{reply:?}");
        switch.0.store(true, Ordering::SeqCst);
    }
    server.app.drain(5_000);
    let reply = server.read("/readyz");
    assert!(reply.json()["detail"].as_str().unwrap().contains("shutting down"), "{reply:?}");
}

#[test]
fn a_payload_over_the_write_queues_memory_limit_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = Inside::start(dir.path(), WriterLimits { queued_bytes_max: 700 });
    let refused = server.send(&format!("[{}]", " ".repeat(300)));
    assert_eq!((refused.status, refused.problem().as_str()), (503, "overloaded"));
    assert!((1..=30).contains(&wait_s(&refused)), "{refused:?}");
    assert_eq!(server.send("[]").status, 200, "a payload that fits is accepted");
}

#[test]
fn an_event_that_retention_deleted_is_410() {
    let dir = tempfile::tempdir().unwrap();
    let server = Inside::start(dir.path(), WriterLimits::default());
    let now_ms = SystemClock.now_ms();
    let received_ms = now_ms - 30 * DAY_MS;
    let metadata = PayloadMetadata {
        id: PayloadId(Uuid::from_u128(7)),
        received_ms,
        key_id: "wk".into(),
        source: "web".into(),
        encoding: Encoding::Identity,
        events: 1,
        unpacked_bytes: 1,
        user_agent: None,
        origin: None,
        client: None,
    };
    let plan = plan(&metadata, &r#"[{"name":"a"}]"#.into(), 1, &Enrichers::default()).unwrap();
    let path = format!("/api/events/{}", plan.events[0].id);
    let keep = RetentionLimits {
        events_from_ms: Some(now_ms - 7 * DAY_MS),
        events_bytes: None,
        ids_from_ms: 0,
        pending_from_ms: i64::MAX,
        now_ms,
    };
    server.runtime.block_on(server.app.storage.events.apply(vec![Arc::new(plan)], now_ms)).unwrap();
    assert_eq!(server.read(&path).status, 200);
    server.runtime.block_on(server.app.storage.events.prune(keep)).unwrap();
    let gone = server.read(&path);
    assert_eq!((gone.status, gone.problem().as_str()), (410, "removed"));
}
