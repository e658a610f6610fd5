//! What JavaScript calls: the only exports of the module. Texts and numbers cross, never objects.

use wasm_bindgen::prelude::*;

use crate::browser::{Browser, Shell};
use crate::client::{Client, Outcome, Track};
use crate::options::Options;
use crate::ports::{Answer, Page};
use crate::text;

/// A client, as JavaScript holds it.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Core {
    shell: &'static Shell,
}

#[wasm_bindgen]
impl Core {
    /// Starts a client on the host with this number. Numbers that are 0 stand for the defaults.
    /// A whole one goes on from `state`, if another client handed some over.
    #[wasm_bindgen(constructor)]
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        host: u32,
        namespace: &str,
        interval_ms: u32,
        events_max: u32,
        batch_bytes_max: u32,
        storage_bytes_max: u32,
        overflow_bytes_max: u32,
        liveness: bool,
        state: &str,
    ) -> Self {
        let namespace = String::from(namespace);
        let mut options = Options { namespace, liveness, ..Options::default() };
        if interval_ms > 0 {
            options.interval_ms = u64::from(interval_ms);
        }
        if overflow_bytes_max > 0 {
            options.overflow_bytes_max = u64::from(overflow_bytes_max);
        }
        for (option, value) in [
            (&mut options.events_max, events_max),
            (&mut options.batch_bytes_max, batch_bytes_max),
            (&mut options.storage_bytes_max, storage_bytes_max),
        ] {
            if value > 0 {
                *option = value as usize;
            }
        }
        Self::start(host, options, state)
    }

    /// This page's producer.
    pub fn producer(&self) -> String {
        let mut name = String::new();
        self.shell.with(|client| client.producer().push_to(&mut name));
        name
    }

    /// Keeps an event. Its parts are the lines of one text, which crosses at once: the JSON of `properties`, `user` and
    /// `monitor`, the type, and the name, which may have more than one line. Returns its number times 8 plus the code of
    /// what became of it, or 7 when the client is busy: then call again in another task.
    pub fn track(&self, ts_ms: f64, parts: &str) -> f64 {
        let mut name = parts;
        let mut part = || {
            let (part, rest) = text::cut(name, b'\n').unwrap_or((name, ""));
            name = rest;
            part
        };
        let [properties_json, user_json, monitor_json, kind] = [part(), part(), part(), part()];
        // Checked to be a time that fits.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let ts_ms = (ts_ms >= 0.0).then_some(ts_ms as u64);
        let event = Track { name, ts_ms, properties_json, kind, user_json, monitor_json };
        let Some(tracked) = self.shell.with(|client| client.track(&event)) else { return 7.0 };
        let code = match tracked.outcome {
            Outcome::Stored => 0,
            Outcome::StorageFull => 1,
            Outcome::StorageBlocked => 2,
            Outcome::StorageShare => 3,
            Outcome::Quota => 4,
            Outcome::TooLarge => 5,
            Outcome::Closed => 6,
        };
        // At most 2^32 times 8.
        #[allow(clippy::cast_precision_loss)]
        let packed = (tracked.seq * 8 + code) as f64;
        packed
    }

    /// Sets the `context` object of later events, as JSON text; none when empty.
    pub fn context(&self, json: &str) {
        self.shell.with(|client| client.set_context(json));
    }

    /// Names the person of later events; forgets the person when empty.
    pub fn identify(&self, id: &str) {
        self.shell.with(|client| client.identify((!id.is_empty()).then_some(id)));
    }

    /// Consent is given (again).
    pub fn consent(&self) {
        self.shell.with(Client::consent);
    }

    /// Whether consent was withdrawn in this browser.
    pub fn withdrawn(&self) -> bool {
        self.shell.with(|client| client.is_withdrawn()).unwrap_or_default()
    }

    /// Withdraws consent: deletes what waits, declares that; and deletes person and session, if it `forgets`.
    pub fn withdraw(&self, forgets: bool) {
        self.shell.with(|client| client.withdraw(forgets));
    }

    /// Sends what waits now; the note `flushed` tells the end.
    pub fn flush(&self) {
        self.shell.with(Client::flush);
    }

    /// Whether an own event still waits for its 2xx.
    pub fn queued(&self, seq: f64) -> bool {
        // Numbers are below 2^32.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let seq = seq as u64;
        self.shell.with(|client| client.is_queued(seq)).unwrap_or(true)
    }

    /// The state as JSON.
    pub fn stats(&self) -> String {
        self.shell.with(|client| client.stats_json()).unwrap_or_default()
    }

    /// Sends what it can and stops.
    pub fn close(&self) {
        self.shell.with(Client::close);
    }

    /// The timer fired.
    pub fn woke(&self) {
        self.shell.woke();
    }

    /// A request was answered, or not: then the status is 0. `retry_after_ms` is negative or no number when nothing was
    /// asked for.
    pub fn answered(&self, id: u32, status: u16, retry_after_ms: f64, body: String) {
        // No server asks for more than fits.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let retry_after_ms = (retry_after_ms >= 0.0).then_some(retry_after_ms as u64);
        self.shell.with(|client| client.answered(id, &Answer { status, body, retry_after_ms }));
    }

    /// Something happened to the page, by the numbers of `host.js`.
    pub fn page(&self, event: u32) {
        let event = match event {
            0 => Page::Hidden,
            1 => Page::Visible,
            2 => Page::Frozen,
            3 => Page::Left,
            4 => Page::Back,
            _ => Page::Online,
        };
        self.shell.with(|client| client.page(event));
    }
}

impl Core {
    /// The same, for callers in Rust.
    pub fn start(host: u32, options: Options, state: &str) -> Self {
        let browser = Browser::new(host, &options.namespace);
        Self { shell: Shell::start(host, client(browser, options, state)) }
    }

    /// What drives the client.
    pub const fn shell(&self) -> &'static Shell {
        self.shell
    }
}

#[cfg(not(feature = "whole"))]
#[wasm_bindgen]
impl Core {
    /// Ends this client and tells what the whole one must know; nothing when it must be asked again later.
    #[wasm_bindgen(js_name = handOver)]
    pub fn hand_over(&self) -> Option<String> {
        self.shell.with(Client::hand_over).flatten()
    }
}

#[cfg(not(feature = "whole"))]
fn client(browser: Browser, options: Options, _state: &str) -> Client<Browser, false> {
    Client::new(browser, options)
}

#[cfg(feature = "whole")]
#[wasm_bindgen]
impl Core {
    /// The Web Locks that are held, one to a line.
    pub fn alive(&self, locks: &str) {
        self.shell.with(|client| {
            let alive = client.ports().alive(locks);
            client.alive(&alive);
        });
    }

    /// A piece of work for the overflow is done, or has failed.
    pub fn worked(&self, id: u32, is_done: bool, told: &str) {
        self.shell.with(|client| client.worked(id, is_done.then_some(told)));
    }
}

#[cfg(feature = "whole")]
fn client(browser: Browser, options: Options, state: &str) -> Client<Browser> {
    if state.is_empty() {
        Client::new(browser, options)
    } else {
        Client::take_over(browser, options, state)
    }
}
