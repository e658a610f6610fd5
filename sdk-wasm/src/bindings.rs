//! What JavaScript calls: the only exports of the module. Texts and numbers cross, never objects.

use std::rc::Rc;

use wasm_bindgen::prelude::*;

use crate::browser::{Listener, Shell};
use crate::client::{Client, Outcome, Track};
use crate::options::{Options, namespace_of};

/// A client, as JavaScript holds it.
#[wasm_bindgen]
pub struct Handle {
    shell: Rc<Shell>,
}

#[wasm_bindgen]
impl Handle {
    /// Starts a client. Numbers that are 0 and texts that are empty stand for the defaults. `listener` hears every
    /// note as `(name, json)`.
    #[wasm_bindgen(constructor)]
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        url: &str,
        namespace: &str,
        interval_ms: u32,
        events_max: u32,
        batch_bytes_max: u32,
        storage_bytes_max: u32,
        overflow_bytes_max: u32,
        liveness: bool,
        listener: Listener,
    ) -> Self {
        let mut options = Options { liveness, ..Options::default() };
        options.namespace =
            if namespace.is_empty() { namespace_of(url) } else { String::from(namespace) };
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
        Self { shell: Shell::start(url, options, listener) }
    }

    /// This page's producer.
    pub fn producer(&self) -> String {
        let mut name = String::new();
        self.shell.with(|client| client.producer().push_to(&mut name));
        name
    }

    /// Keeps an event. Returns its number times 8 plus the code of what became of it, or 7 when the
    /// client is busy: then call again in another task.
    pub fn track(
        &self,
        name: &str,
        ts_ms: f64,
        properties_json: &str,
        kind: &str,
        user_json: &str,
        monitor_json: &str,
    ) -> f64 {
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
}
