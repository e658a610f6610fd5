//! The module's only exports to JavaScript. Only texts and numbers cross, never objects. An
//! instance of the module has one client, so no call has to name it.

use std::cell::OnceCell;

use wasm_bindgen::prelude::*;

use crate::browser::{Browser, PageClient, Shell};
use crate::client::{Client, NewEvent};
use crate::options::Options;
use crate::text;

thread_local! {
    /// The client of this instance, once it has started.
    static SHELL: OnceCell<&'static Shell> = const { OnceCell::new() };
}

/// Calls `act` with the client's shell; does nothing before the client has started.
fn with<R>(act: impl FnOnce(&'static Shell) -> Option<R>) -> Option<R> {
    SHELL.with(|shell| shell.get().copied()).and_then(act)
}

/// Starts the client on the host with this number. 0 stands for an option's default.
///
/// `consent` is 1 if the page says that the user consents, 2 if it says that the user does not;
/// with 0, an earlier withdrawal stays in force. A full client continues from `state`, if a first
/// client handed it over.
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

/// The value of an option; 0 stands for its default.
fn or_default<T: TryFrom<u32>>(value: u32, default: T) -> T {
    if value > 0 { T::try_from(value).unwrap_or(default) } else { default }
}

#[cfg(not(feature = "full"))]
fn new_client(browser: Browser, options: Options, consent: u32, _: &str) -> PageClient {
    apply_consent(PageClient::new(browser, options), consent)
}

#[cfg(feature = "full")]
fn new_client(browser: Browser, options: Options, consent: u32, state: &str) -> PageClient {
    if state.is_empty() {
        apply_consent(PageClient::new(browser, options), consent)
    } else {
        PageClient::take_over(browser, options, state)
    }
}

/// Applies the page's answer about consent, or that of an earlier page.
fn apply_consent(mut client: PageClient, consent: u32) -> PageClient {
    if consent == 1 {
        client.consent();
    } else if consent == 2 || client.is_withdrawn() {
        client.withdraw(false);
    }
    client
}

/// Stores an event. All parts cross in one text, one per line: the JSON of `properties`, `user` and
/// `monitor`, the type, and the name. All of it is ASCII; type and name are escaped as inside a
/// JSON string, and `name_bytes` is the name's length in UTF-8 without escapes.
///
/// Returns 8 times the event's number plus the code of its outcome, or 7 when the client is busy:
/// then call again in another task.
#[wasm_bindgen]
#[allow(clippy::needless_pass_by_value)]
pub fn track(ts_ms: f64, parts: String, name_bytes: u32) -> f64 {
    let (mut lines, mut name) = ([""; 4], parts.as_str());
    for line in &mut lines {
        (*line, name) = text::split_once(name, b'\n').unwrap_or((name, ""));
    }
    let [properties_json, user_json, monitor_json, kind] = lines;
    // A valid time fits.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let ts_ms = (ts_ms >= 0.0).then_some(ts_ms as u64);
    let name_bytes = name_bytes as usize;
    let event =
        NewEvent { name, name_bytes, ts_ms, properties_json, kind, user_json, monitor_json };
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

/// Sets the user id of later events; an empty one resets the person.
#[wasm_bindgen]
#[allow(clippy::needless_pass_by_value)]
pub fn identify(id: String) {
    with(|shell| shell.with(|client| client.identify((!id.is_empty()).then_some(&id))));
}

/// The user consents (again).
#[wasm_bindgen]
pub fn consent() {
    with(|shell| shell.with(Client::consent));
}

/// Withdraws consent: deletes waiting events and declares their numbers. With `forgets`, also
/// deletes person and session.
#[wasm_bindgen]
pub fn withdraw(forgets: bool) {
    with(|shell| shell.with(|client| client.withdraw(forgets)));
}

/// Sends all waiting events now; the note `flushed` reports the end.
#[wasm_bindgen]
pub fn flush() {
    with(|shell| shell.with(Client::flush));
}

/// Whether an event of this page still waits for its 2xx.
#[wasm_bindgen]
pub fn queued(seq: f64) -> bool {
    // Numbers are below 2^32.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let seq = seq as u64;
    with(|shell| shell.with(|client| client.is_queued(seq))).unwrap_or(true)
}

/// Returns the state as text.
#[wasm_bindgen]
pub fn stats() {
    with(|shell| shell.return_text(shell.with(|client| client.stats())));
}

/// Sends what it can, and stops.
#[wasm_bindgen]
pub fn close() {
    with(|shell| shell.with(Client::close));
}

/// Runs what is due.
#[wasm_bindgen(js_name = timerFired)]
pub fn timer_fired() {
    with(Shell::timer_fired);
}

/// A request was answered; status 0 means that there was no response. `retry_after_ms` is negative
/// or NaN without a `Retry-After`.
#[wasm_bindgen]
pub fn answered(id: u32, status: u16, retry_after_ms: f64, body: String) {
    with(|shell| shell.answered(id, status, retry_after_ms, body));
}

/// Something happened to the page; `host.js` defines the numbers.
#[wasm_bindgen]
pub fn page(event: u32) {
    with(|shell| shell.page(event));
}

/// Ends this client and returns the state for the full client; returns nothing when it has to be
/// called again later.
#[cfg(not(feature = "full"))]
#[wasm_bindgen(js_name = handOver)]
pub fn hand_over() {
    with(|shell| shell.return_text(shell.with(PageClient::hand_over).flatten()));
}

/// Takes the names of the Web Locks that are held, one per line.
#[cfg(feature = "full")]
#[wasm_bindgen]
#[allow(clippy::needless_pass_by_value)]
pub fn alive(locks: String) {
    with(|shell| shell.alive(&locks));
}

/// An operation on the overflow finished or failed.
#[cfg(feature = "full")]
#[wasm_bindgen(js_name = overflowDone)]
#[allow(clippy::needless_pass_by_value)]
pub fn overflow_done(id: u32, is_done: bool, result: String) {
    with(|shell| shell.overflow_done(id, is_done, &result));
}
