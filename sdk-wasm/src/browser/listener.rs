//! The JavaScript object that a client reports to: `npm/src/notes.ts`.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The package's code. None of its methods throws.
    #[derive(Debug, Clone)]
    #[wasm_bindgen(typescript_type = "Listener")]
    pub type Listener;

    /// A client has started, with this producer.
    #[wasm_bindgen(method)]
    pub(super) fn started(this: &Listener, producer: &str);

    /// Calls `work`, and ends the client if that throws.
    #[wasm_bindgen(method)]
    pub(super) fn run(this: &Listener, work: &mut dyn FnMut());

    /// A batch of this many bytes is about to be sent; `false` holds it back.
    #[wasm_bindgen(method)]
    pub(super) fn sending(this: &Listener, bytes: u32) -> bool;
}

#[cfg(not(feature = "full"))]
pub(super) use first::report;
#[cfg(feature = "full")]
pub(crate) use full::object;
#[cfg(feature = "full")]
pub(super) use full::report;

/// What only a first client reports.
#[cfg(not(feature = "full"))]
mod first {
    use js_sys::Function;
    use wasm_bindgen::prelude::*;

    use super::Listener;
    use crate::notes::Note;

    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(method)]
        fn delivered(this: &Listener, seqs_json: &str);
        #[wasm_bindgen(method)]
        fn dropped(this: &Listener, seq: f64, reason: u32);
        #[wasm_bindgen(method)]
        fn failed(this: &Listener, status: u32, wait_ms: f64);
        #[wasm_bindgen(method)]
        fn flushed(this: &Listener, sent: f64, queued: f64, status: Option<u16>);
        #[wasm_bindgen(method)]
        fn withdrawn(this: &Listener);
        /// The client has ended, with these last `stats()`.
        #[wasm_bindgen(method)]
        pub(in crate::browser) fn closed(this: &Listener, stats: &str);
        /// Loads the full client, and then calls `client_successor_loaded`.
        #[wasm_bindgen(method)]
        pub(in crate::browser) fn load(this: &Listener);
        /// Continues with the full client from `state`, in place of this client.
        /// `release_lock` releases the client's Web Lock.
        #[wasm_bindgen(method, js_name = takeOver)]
        pub(in crate::browser) fn take_over(
            this: &Listener,
            state: &str,
            release_lock: Option<Function>,
        );
    }

    /// Passes a note on; all are about this client's own events. Counts and times are all far
    /// below 2^53.
    #[allow(clippy::cast_precision_loss)]
    pub(in crate::browser) fn report(listener: &Listener, note: &Note) {
        match note {
            // A first client adopts nothing.
            Note::Delivered { seqs, .. } | Note::Adopted { seqs, .. } => {
                let mut json = String::new();
                seqs.push_json(&mut json);
                listener.delivered(&json);
            }
            Note::Dropped { seq, reason, .. } => listener.dropped(*seq as f64, *reason as u32),
            Note::Failed { status, wait_ms } => {
                listener.failed(u32::from(*status), *wait_ms as f64);
            }
            Note::Flushed { sent, queued, status } => {
                listener.flushed(*sent as f64, *queued as f64, *status);
            }
            Note::Withdrawn => listener.withdrawn(),
        }
    }
}

/// What only a full client reports: typed objects.
#[cfg(feature = "full")]
mod full {
    use serde::Serialize;
    use wasm_bindgen::prelude::*;

    use super::Listener;
    use crate::notes::Note;
    use crate::reports::NoteReport;

    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(method)]
        fn note(this: &Listener, note: JsValue);
        #[wasm_bindgen(method)]
        pub(in crate::browser) fn closed(this: &Listener, stats: JsValue);
    }

    pub(in crate::browser) fn report(listener: &Listener, note: &Note) {
        listener.note(object(&NoteReport::from(note)));
    }

    /// A report as an object.
    pub(crate) fn object(report: &impl Serialize) -> JsValue {
        // Reports contain texts and numbers below 2^53, which every object can hold.
        serde_wasm_bindgen::to_value(report).unwrap_or_default()
    }
}
