//! The module in a real browser: real localStorage, real timers, real Web Locks, and a port on
//! which nobody listens.
//!
//! It runs on wasm32 only, so it is a binary of its own: `cargo xtask test --only wasm`, or
//! `wasm-pack test --headless --chrome sdk-wasm` (or `--firefox`).
#![cfg(target_arch = "wasm32")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so"
)]

use std::cell::RefCell;
use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use lamplight_sdk::browser::{Browser, Listener, PageClient, Shell, run_operation, with};
use lamplight_sdk::client::{Client, NewEvent, TrackOutcome};
use lamplight_sdk::keys::StorageKeys;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::{Clock, OverflowOperation, Storage};
use lamplight_sdk::queue::block::lines;
use lamplight_sdk::reports::Stats;
use lamplight_sdk::tabs::lock::{Lock, LockAccess, LockPhase, LockRegister, LockWaits};
use lamplight_wire::Producer;
use wasm_bindgen::JsCast;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// The discard port of the loopback interface: requests to it fail at once, as they do without a
/// network.
const UNREACHABLE: &str = "http://127.0.0.1:9/v1/events?key=wk_test";

/// The package's code, as far as a client calls it. A script and not a module of its own: the test
/// runner's server leaves a request unanswered if the browser opens more than four connections,
/// and the browser opens one for each module that it can fetch at the same time.
fn listener() -> Listener {
    js_sys::eval(
        "({
            run(work) { work() },
            started() {},
            sending() { return true },
            note() {},
            closed() { this.isClosed = true },
        })",
    )
    .unwrap()
    .unchecked_into()
}

/// This page's storage.
fn browser(namespace: &str) -> Browser {
    Browser::new(0, namespace)
}

/// Starts a client, and returns its number.
fn start(options: Options) -> u32 {
    Shell::start(UNREACHABLE.into(), listener(), |number| {
        let browser = Browser::new(number, &options.namespace);
        PageClient::new(browser, options)
    })
}

fn start_in(namespace: &str) -> u32 {
    start(Options { namespace: namespace.into(), ..Options::default() })
}

fn stats(client: u32) -> Stats {
    with(client, |client| client.stats()).expect("the client is free")
}

fn producer(client: u32) -> Producer {
    with(client, |client| client.producer()).expect("the client is free")
}

fn track(client: u32, name: &str) -> TrackOutcome {
    let event =
        NewEvent { name, properties_json: "{\"city\":\"Z\\u00fcrich\"}", ..NewEvent::default() };
    with(client, |client| client.track(&event)).expect("the client is free").outcome
}

/// Closes the clients and removes the keys of a test.
fn clear(clients: &[u32], namespace: &str) {
    for client in clients {
        with(*client, Client::close);
    }
    let mut storage = browser(namespace);
    for key in storage.keys(namespace) {
        storage.remove(&key);
    }
}

#[wasm_bindgen_test]
fn an_event_is_in_local_storage_when_track_returns() {
    let client = start_in("t-stored");
    let (storage, keys) = (browser("t-stored"), StorageKeys::new("t-stored"));
    for seq in 1..=3 {
        assert_eq!(track(client, "opened"), TrackOutcome::Stored);
        let text = storage.get(&keys.event(producer(client), seq)).expect("the key is there");
        assert!(text.is_ascii(), "{text}");
        let event: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(event["seq"], seq);
        assert_eq!(event["properties"]["city"], "Zürich");
    }
    clear(&[client], "t-stored");
}

#[wasm_bindgen_test]
async fn keys_stay_and_sending_backs_off_while_the_server_is_down() {
    let client = start_in("t-nobody");
    for _ in 0..5 {
        track(client, "opened");
    }
    TimeoutFuture::new(1_500).await;
    assert_eq!(browser("t-nobody").keys("t-nobody:q:").len(), 5);
    let stats = stats(client);
    assert_eq!((stats.queued, stats.sent), (5, 0), "{stats:?}");
    assert_eq!(stats.last_error.as_deref(), Some("no answer"), "{stats:?}");
    assert!((1..=3).contains(&stats.requests), "{stats:?}");
    clear(&[client], "t-nobody");
}

/// Drives a lock over real storage until it is held or idle, or the time is over.
async fn drive(lock: &mut Lock, browser: &mut Browser, keys: &StorageKeys, for_ms: u64) {
    let end_ms = browser.monotonic_ms() + for_ms;
    while let Some(due_ms) = lock.due_ms().filter(|due_ms| *due_ms < end_ms) {
        let wait_ms = due_ms.saturating_sub(browser.monotonic_ms());
        TimeoutFuture::new(u32::try_from(wait_ms).expect("a short wait")).await;
        let now_ms = browser.monotonic_ms();
        let Some(access) = lock.next_access(now_ms) else { continue };
        let value = match access {
            LockAccess::Read(LockRegister::X) => browser.get(&keys.lock_x()),
            LockAccess::Read(LockRegister::Y) => browser.get(&keys.lock_y()),
            LockAccess::Write(register, name) => {
                let key = if register == LockRegister::X { keys.lock_x() } else { keys.lock_y() };
                browser.set(&key, &name).expect("storage accepts it");
                None
            }
            LockAccess::RemoveY => {
                browser.remove(&keys.lock_y());
                None
            }
        };
        lock.complete_access(now_ms, value.as_deref(), 5);
        if lock.phase() == LockPhase::Held {
            return;
        }
    }
}

#[wasm_bindgen_test]
async fn the_lock_passes_from_tab_to_tab_over_real_storage() {
    let (mut browser, keys) = (browser("t-lock"), StorageKeys::new("t-lock"));
    let waits = LockWaits::from_settle(60);
    let mut first = Lock::new(Producer::from_bits(1));
    let mut second = Lock::new(Producer::from_bits(2));

    first.request(browser.monotonic_ms(), waits);
    drive(&mut first, &mut browser, &keys, 5_000).await;
    assert_eq!(first.phase(), LockPhase::Held);

    second.request(browser.monotonic_ms(), waits);
    drive(&mut second, &mut browser, &keys, 600).await;
    assert_ne!(second.phase(), LockPhase::Held, "two tabs hold the lock");

    first.release(browser.monotonic_ms());
    drive(&mut first, &mut browser, &keys, 600).await;
    assert_eq!(first.phase(), LockPhase::Idle);
    drive(&mut second, &mut browser, &keys, 5_000).await;
    assert_eq!(second.phase(), LockPhase::Held);
    clear(&[], "t-lock");
}

#[wasm_bindgen_test]
async fn orphaned_events_are_adopted_and_events_of_live_tabs_are_not() {
    const NAMESPACE: &str = "t-adopt";
    let (mut storage, keys) = (browser(NAMESPACE), StorageKeys::new(NAMESPACE));
    // Its page holds no Web Lock: it is gone, although it wrote no last heartbeat.
    let gone = Producer::from_bits(9);
    for seq in 1..=4 {
        storage.set(&keys.event(gone, seq), "{}").expect("storage accepts it");
    }
    let (alive, adopter) = (start_in(NAMESPACE), start_in(NAMESPACE));
    track(alive, "opened");

    let mut taken = None;
    for _ in 0..24 {
        TimeoutFuture::new(500).await;
        let stats = stats(adopter);
        if stats.lock.holder.is_some() {
            assert_eq!(stats.foreign, 5, "{stats:?}");
            taken = stats.lock.holder;
            break;
        }
    }
    let taken = taken.expect("no tab took the lease within 12 s");
    assert!([alive, adopter].iter().any(|client| producer(*client).to_string() == taken));
    assert_eq!(storage.keys(&format!("{NAMESPACE}:q:")).len(), 5, "nothing leaves before a 2xx");
    clear(&[alive, adopter], NAMESPACE);
}

/// Runs one operation on the real database.
async fn database(name: &str, operation: OverflowOperation) -> Option<String> {
    let result = Rc::new(RefCell::new(None));
    let taken = Rc::clone(&result);
    run_operation(name, &operation, move |text| *taken.borrow_mut() = Some(text));
    loop {
        TimeoutFuture::new(5).await;
        if let Some(text) = result.take() {
            return text;
        }
    }
}

#[wasm_bindgen_test]
async fn the_database_writes_lists_reads_and_erases_blocks() {
    const NAME: &str = "t-database";
    assert_eq!(
        database(NAME, OverflowOperation::List).await.as_deref(),
        Some(""),
        "there is none yet"
    );
    let write = |name: &str, text: &str| OverflowOperation::Write(name.into(), text.into());
    assert_eq!(database(NAME, write("b", "two")).await.as_deref(), Some(""));
    assert_eq!(database(NAME, write("a", "one\nmore")).await.as_deref(), Some(""));
    assert_eq!(database(NAME, OverflowOperation::List).await.as_deref(), Some("a\nb"));
    assert_eq!(
        database(NAME, OverflowOperation::Read("a".into())).await.as_deref(),
        Some("one\nmore")
    );
    assert_eq!(database(NAME, OverflowOperation::Erase("a".into())).await.as_deref(), Some(""));
    assert_eq!(database(NAME, OverflowOperation::Read("a".into())).await.as_deref(), Some(""));
    delete_database(NAME).await;
    // That closed the connection; the next operation opens it again.
    assert_eq!(database(NAME, write("c", "three")).await.as_deref(), Some(""));
    assert_eq!(database(NAME, OverflowOperation::List).await.as_deref(), Some("c"));
    delete_database(NAME).await;
}

#[wasm_bindgen_test]
async fn events_that_do_not_fit_in_storage_are_in_the_database_within_a_second() {
    const NAMESPACE: &str = "t-overflow";
    let options =
        Options { namespace: NAMESPACE.into(), storage_bytes_max: 2_000, ..Options::default() };
    let client = start(options);
    let outcomes: Vec<TrackOutcome> = (0..40).map(|_| track(client, "opened")).collect();
    assert_eq!(outcomes.first(), Some(&TrackOutcome::Stored));
    assert_eq!(outcomes.last(), Some(&TrackOutcome::StorageShare));
    TimeoutFuture::new(1_000).await;
    assert_all_durable(client, NAMESPACE, 40).await;
    clear(&[client], NAMESPACE);
    delete_database(NAMESPACE).await;
}

#[wasm_bindgen_test]
async fn without_local_storage_events_survive_in_the_database() {
    const NAMESPACE: &str = "t-blocked";
    let options = Options { namespace: NAMESPACE.into(), ..Options::default() };
    let client = start(options);
    with(client, |client| client.ports().block_storage()).expect("the client is free");
    for _ in 0..20 {
        assert_eq!(track(client, "opened"), TrackOutcome::StorageBlocked);
    }
    TimeoutFuture::new(3_000).await;
    assert_all_durable(client, NAMESPACE, 20).await;
    clear(&[client], NAMESPACE);
    delete_database(NAMESPACE).await;
}

/// Asserts that every event is in storage or in a block, whatever memory holds.
async fn assert_all_durable(client: u32, namespace: &str, count: usize) {
    let stored = browser(namespace).keys(&format!("{namespace}:q:"));
    let names = database(namespace, OverflowOperation::List).await.expect("the database lists");
    let mut seqs: Vec<u64> =
        stored.iter().filter_map(|key| key.rsplit(':').next()?.parse().ok()).collect();
    for name in names.lines() {
        let text =
            database(namespace, OverflowOperation::Read(name.into())).await.expect("it reads");
        for (seq, event) in lines(&text) {
            let event: serde_json::Value = serde_json::from_str(&event).expect("it is JSON");
            assert_eq!(event["seq"], seq);
            seqs.push(seq);
        }
    }
    seqs.sort_unstable();
    seqs.dedup();
    let stats = stats(client);
    assert_eq!(seqs.len(), count, "{stats:?}");
    assert!(stats.overflow.events > 0, "{stats:?}");
}

/// Deletes a database, as a user does who clears a site's data.
async fn delete_database(name: &str) {
    js_sys::eval(&format!("indexedDB.deleteDatabase({name:?})")).unwrap();
    TimeoutFuture::new(100).await;
}
