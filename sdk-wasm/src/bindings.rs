//! The module's exports to JavaScript. A page's clients share an instance of the module, so every
//! call names its client by number.
//!
//! Texts and numbers cross on the way of an event; objects only where a full client reports. Calls
//! return nothing, or `false`, when the client is busy: see [`with`].

use wasm_bindgen::prelude::*;

#[cfg(feature = "full")]
use crate::browser::object;
use crate::browser::{Browser, Listener, PageClient, Shell, abandon, with};
use crate::client::{Client, NewEvent, TrackOutcome, Tracked};
use crate::options::Options;
use crate::text;

/// Starts a client, and returns its number. 0 stands for an option's default.
///
/// `consent` is the page's answer. Without one, an earlier withdrawal stays in force.
#[wasm_bindgen]
#[allow(clippy::too_many_arguments)]
pub fn client_start(
    listener: Listener,
    consent: Option<bool>,
    url: String,
    namespace: String,
    liveness: bool,
    interval_ms: u32,
    events_max: u32,
    batch_bytes_max: u32,
    storage_bytes_max: u32,
    overflow_bytes_max: u32,
) -> u32 {
    let numbers = [interval_ms, events_max, batch_bytes_max, storage_bytes_max, overflow_bytes_max];
    let options = options(namespace, liveness, numbers);
    Shell::start(url, listener, |number| {
        let mut client = PageClient::new(Browser::new(number, &options.namespace), options);
        if consent == Some(true) {
            client.consent();
        } else if consent.is_some() || client.is_withdrawn() {
            client.withdraw(false);
        }
        client
    })
}

/// Continues a first client that handed over `state` and what releases its Web Lock; otherwise like
/// [`client_start`].
#[cfg(feature = "full")]
#[wasm_bindgen]
#[allow(clippy::too_many_arguments)]
pub fn client_take_over(
    listener: Listener,
    state: &str,
    release_lock: Option<js_sys::Function>,
    url: String,
    namespace: String,
    liveness: bool,
    interval_ms: u32,
    events_max: u32,
    batch_bytes_max: u32,
    storage_bytes_max: u32,
    overflow_bytes_max: u32,
) -> u32 {
    let numbers = [interval_ms, events_max, batch_bytes_max, storage_bytes_max, overflow_bytes_max];
    let options = options(namespace, liveness, numbers);
    Shell::take_over(url, listener, release_lock, |number| {
        PageClient::take_over(Browser::new(number, &options.namespace), options, state)
    })
}

fn options(namespace: String, liveness: bool, numbers: [u32; 5]) -> Options {
    let mut options = Options::new(namespace);
    let [interval_ms, events_max, batch_bytes_max, storage_bytes_max, overflow_bytes_max] = numbers;
    options.liveness = liveness;
    options.interval_ms = or_default(interval_ms, options.interval_ms);
    options.events_max = or_default(events_max, options.events_max);
    options.batch_bytes_max = or_default(batch_bytes_max, options.batch_bytes_max);
    options.storage_bytes_max = or_default(storage_bytes_max, options.storage_bytes_max);
    options.overflow_bytes_max = or_default(overflow_bytes_max, options.overflow_bytes_max);
    options
}

/// The value of an option; 0 stands for its default.
fn or_default<T: TryFrom<u32>>(value: u32, default: T) -> T {
    if value > 0 { T::try_from(value).unwrap_or(default) } else { default }
}

/// Stores an event. All parts cross in one text, one per line: the JSON of `properties`, `user` and
/// `monitor`, the type, and the name. All of it is ASCII; type and name are escaped as inside a
/// JSON string, and `name_bytes` is the name's length in UTF-8 without escapes.
///
/// Returns 8 times the event's number plus the index of its outcome in
/// [`TrackOutcome::ALL`].
#[wasm_bindgen]
#[allow(clippy::needless_pass_by_value)]
pub fn client_track(client: u32, ts_ms: f64, parts: String, name_bytes: u32) -> f64 {
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
    let busy = Tracked { seq: 0, outcome: TrackOutcome::Busy };
    let tracked = with(client, |client| client.track(&event)).unwrap_or(busy);
    // At most 2^32 times 8.
    #[allow(clippy::cast_precision_loss)]
    let packed = (tracked.seq * 8 + tracked.outcome as u64) as f64;
    packed
}

/// Sets the `context` object of later events, as JSON text; none when empty.
#[wasm_bindgen]
pub fn client_context(client: u32, json: &str) -> bool {
    with(client, |client| client.set_context(json)).is_some()
}

/// Sets the user id of later events; an empty one resets the person.
#[wasm_bindgen]
pub fn client_identify(client: u32, id: &str) -> bool {
    with(client, |client| client.identify((!id.is_empty()).then_some(id))).is_some()
}

/// The user consents (again).
#[wasm_bindgen]
pub fn client_consent(client: u32) -> bool {
    with(client, PageClient::consent).is_some()
}

/// Withdraws consent: deletes waiting events and declares their numbers. With `forgets`, also
/// deletes person and session.
#[wasm_bindgen]
pub fn client_withdraw(client: u32, forgets: bool) -> bool {
    with(client, |client| client.withdraw(forgets)).is_some()
}

/// Sends all waiting events now; the note `flushed` reports the end.
#[wasm_bindgen]
pub fn client_flush(client: u32) -> bool {
    Shell::flush(client)
}

/// Whether an event of this page still waits for its 2xx.
#[wasm_bindgen]
pub fn client_queued(client: u32, seq: f64) -> Option<bool> {
    // Numbers are below 2^32.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let seq = seq as u64;
    with(client, |client| client.is_queued(seq))
}

/// The numbers of [`Client::counters`] as text, each after a space.
#[cfg(not(feature = "full"))]
#[wasm_bindgen]
pub fn client_stats(client: u32) -> Option<String> {
    with(client, |client| client.stats())
}

/// Where the client's events are.
#[cfg(feature = "full")]
#[wasm_bindgen(unchecked_return_type = "Stats | undefined")]
pub fn client_stats(client: u32) -> JsValue {
    with(client, |client| object(&client.stats())).unwrap_or_default()
}

/// Sends what it can, and stops. The client ends once its requests have been answered.
#[wasm_bindgen]
pub fn client_close(client: u32) -> bool {
    with(client, PageClient::close).is_some()
}

/// Ends a client whose code threw.
#[wasm_bindgen]
pub fn client_abandon(client: u32) {
    abandon(client);
}

/// The full client has loaded: it takes over as soon as this client is idle.
#[cfg(not(feature = "full"))]
#[wasm_bindgen]
pub fn client_successor_loaded(client: u32) {
    Shell::successor_loaded(client);
}
