//! Web Locks, as a sign of life only: they never guard storage.

use lamplight_wire::Producer;
use wasm_bindgen::{JsCast, JsValue};

use super::{Browser, js};
use crate::ports::Liveness;

/// The lock that this page holds while it lives.
#[derive(Debug, Default)]
pub(super) struct Mark {
    /// Ends the promise that the lock is held for.
    end: Option<js_sys::Function>,
}

impl Browser {
    /// `<ns>:alive:`, before the producer's name.
    fn alive_prefix(&self) -> String {
        let mut prefix = self.namespace.clone();
        prefix.push_str(":alive:");
        prefix
    }

    /// Reads the list of held locks.
    pub(super) fn alive(&self, snapshot: &JsValue) -> Vec<Producer> {
        let prefix = self.alive_prefix();
        let snapshot: &js::LockSnapshot = snapshot.unchecked_ref();
        snapshot
            .held()
            .iter()
            .filter_map(|lock| Producer::parse(lock.name().strip_prefix(prefix.as_str())?))
            .collect()
    }
}

impl Liveness for Browser {
    fn hold(&mut self, producer: Producer) {
        let Some(locks) = js::locks() else { return };
        let mut name = self.alive_prefix();
        producer.push_to(&mut name);
        let mut end = None;
        let lived = js::Promise::with(&mut |resolve| end = Some(resolve));
        self.mark.end = end;
        if let Ok(request) = locks.request(&name, &js::constant(lived.as_ref())) {
            // Refused in some frames: then beats tell.
            request.then(&JsValue::UNDEFINED, &js::constant(&JsValue::UNDEFINED));
        }
    }

    fn release(&mut self) {
        if let Some(end) = self.mark.end.take() {
            // Resolving a promise cannot throw.
            let _ = end.call0(&JsValue::UNDEFINED);
        }
    }

    fn look(&mut self) -> bool {
        let Some(Ok(request)) = js::locks().map(|locks| locks.query()) else { return false };
        request.then(&self.listed, &js::constant(&JsValue::UNDEFINED));
        true
    }
}
