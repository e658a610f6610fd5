//! What JavaScript calls: the only exports of the module. Texts and numbers cross, never objects. An instance of the module has one
//! client, so no call has to name it.

use std::cell::OnceCell;

use wasm_bindgen::prelude::*;

use crate::browser::{Browser, Shell};
use crate::client::{Client, Track};
use crate::options::Options;
use crate::text;

thread_local! {
    /// This instance's client, once it has started.
    static SHELL: OnceCell<&'static Shell> = const { OnceCell::new() };
}

/// Does something with the client's shell; nothing before there is one.
fn with<R>(act: impl FnOnce(&'static Shell) -> Option<R>) -> Option<R> {
    SHELL.with(|shell| shell.get().copied()).and_then(act)
}

/// Starts the client, on the host with this number. Numbers that are 0 stand for the defaults. `consent` is 1 if the page says
/// that there is consent, 2 if it says that there is none; with 0 what was withdrawn before stays so.
/// A whole one goes on from `state`, if another client handed some over.
#[wasm_bindgen]
#[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)]
pub fn start(
    host: u32,
    namespace: String,
    interval_ms: u32,
    events_max: u32,
    batch_bytes_max: u32,
    storage_bytes_max: u32,
    overflow_bytes_max: u32,
    liveness: bool,
    consent: u32,
    state: String,
) {
    let mut options = Options::new(namespace);
    options.liveness = liveness;
    options.interval_ms = or_default(interval_ms, options.interval_ms);
    options.overflow_bytes_max = or_default(overflow_bytes_max, options.overflow_bytes_max);
    options.events_max = or_default(events_max, options.events_max);
    options.batch_bytes_max = or_default(batch_bytes_max, options.batch_bytes_max);
    options.storage_bytes_max = or_default(storage_bytes_max, options.storage_bytes_max);
    let browser = Browser::new(host, &options.namespace);
    let shell = Shell::start(host, new_client(browser, options, consent, &state));
    SHELL.with(|started| started.set(shell).ok());
}

/// What an option is to be: 0 stands for its default.
fn or_default<T: TryFrom<u32>>(value: u32, default: T) -> T {
    if value > 0 { T::try_from(value).unwrap_or(default) } else { default }
}

#[cfg(not(feature = "full"))]
fn new_client(browser: Browser, options: Options, consent: u32, _: &str) -> Client<Browser, false> {
    apply_consent(Client::new(browser, options), consent)
}

#[cfg(feature = "full")]
fn new_client(browser: Browser, options: Options, consent: u32, state: &str) -> Client<Browser> {
    if state.is_empty() {
        apply_consent(Client::new(browser, options), consent)
    } else {
        Client::take_over(browser, options, state)
    }
}

/// The client, with what the page says of consent, or else an earlier page.
fn apply_consent<const FULL: bool>(
    mut client: Client<Browser, FULL>,
    consent: u32,
) -> Client<Browser, FULL> {
    if consent == 1 {
        client.consent();
    } else if consent == 2 || client.is_withdrawn() {
        client.withdraw(false);
    }
    client
}

/// Keeps an event. Its parts are the lines of one text, which crosses at once: the JSON of `properties`, `user` and
/// `monitor`, the type, and the name. Returns its number times 8 plus the code of
/// what became of it, or 7 when the client is busy: then call again in another task. All of it is ASCII, and type and name are as
/// they stand inside a JSON string; without escapes the name has `name_bytes` of UTF-8.
#[wasm_bindgen]
#[allow(clippy::needless_pass_by_value)]
pub fn track(ts_ms: f64, parts: String, name_bytes: u32) -> f64 {
    let (mut lines, mut name) = ([""; 4], parts.as_str());
    for line in &mut lines {
        (*line, name) = text::split_once(name, b'\n').unwrap_or((name, ""));
    }
    let [properties_json, user_json, monitor_json, kind] = lines;
    // Checked to be a time that fits.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let ts_ms = (ts_ms >= 0.0).then_some(ts_ms as u64);
    let name_bytes = name_bytes as usize;
    let event = Track { name, name_bytes, ts_ms, properties_json, kind, user_json, monitor_json };
    let Some(tracked) = with(|shell| shell.with(|client| client.track(&event))) else { return 7.0 };
    // At most 2^32 times 8.
    #[allow(clippy::cast_precision_loss)]
    let packed = (tracked.seq * 8 + tracked.outcome as u64) as f64;
    packed
}

/// Sets the `context` object of later events, as JSON text; none when empty.
#[wasm_bindgen]
#[allow(clippy::needless_pass_by_value)]
pub fn context(json: String) {
    with(|shell| shell.with(|client| client.set_context(&json)));
}

/// Names the person of later events; forgets the person when empty.
#[wasm_bindgen]
#[allow(clippy::needless_pass_by_value)]
pub fn identify(id: String) {
    with(|shell| shell.with(|client| client.identify((!id.is_empty()).then_some(&id))));
}

/// Consent is given (again).
#[wasm_bindgen]
pub fn consent() {
    with(|shell| shell.with(Client::consent));
}

/// Withdraws consent: deletes what waits, declares that; and deletes person and session, if it `forgets`.
#[wasm_bindgen]
pub fn withdraw(forgets: bool) {
    with(|shell| shell.with(|client| client.withdraw(forgets)));
}

/// Sends what waits now; the note `flushed` tells the end.
#[wasm_bindgen]
pub fn flush() {
    with(|shell| shell.with(Client::flush));
}

/// Whether an own event still waits for its 2xx.
#[wasm_bindgen]
pub fn queued(seq: f64) -> bool {
    // Numbers are below 2^32.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let seq = seq as u64;
    with(|shell| shell.with(|client| client.is_queued(seq))).unwrap_or(true)
}

/// Says the state.
#[wasm_bindgen]
pub fn stats() {
    with(|shell| shell.return_text(shell.with(|client| client.stats())));
}

/// Sends what it can and stops.
#[wasm_bindgen]
pub fn close() {
    with(|shell| shell.with(Client::close));
}

/// The timer fired.
#[wasm_bindgen(js_name = timerFired)]
pub fn timer_fired() {
    with(Shell::timer_fired);
}

/// A request was answered, or not: then the status is 0. `retry_after_ms` is negative or no number when nothing was
/// asked for.
#[wasm_bindgen]
pub fn answered(id: u32, status: u16, retry_after_ms: f64, body: String) {
    with(|shell| shell.answered(id, status, retry_after_ms, body));
}

/// Something happened to the page, by the numbers of `host.js`.
#[wasm_bindgen]
pub fn page(event: u32) {
    with(|shell| shell.page(event));
}

/// Ends this client and says what the whole one must know; nothing when it must be asked again later.
#[cfg(not(feature = "full"))]
#[wasm_bindgen(js_name = handOver)]
pub fn hand_over() {
    with(|shell| shell.return_text(shell.with(Client::hand_over).flatten()));
}

/// The Web Locks that are held, one to a line.
#[cfg(feature = "full")]
#[wasm_bindgen]
#[allow(clippy::needless_pass_by_value)]
pub fn alive(locks: String) {
    with(|shell| shell.alive(&locks));
}

/// A piece of work for the overflow is done, or has failed.
#[cfg(feature = "full")]
#[wasm_bindgen(js_name = overflowDone)]
#[allow(clippy::needless_pass_by_value)]
pub fn overflow_done(id: u32, is_done: bool, told: String) {
    with(|shell| shell.overflow_done(id, is_done, &told));
}
