//! Which producers' pages are alive: those whose Web Locks are held.

use js_sys::Array;
use lamplight_wire::Producer;
use wasm_bindgen::prelude::*;

use super::clients;
use super::web_lock::{self, Thenable};

// web-sys has Web Locks only as an unstable API.
#[wasm_bindgen]
extern "C" {
    type LockQuery;
    #[wasm_bindgen(method, catch)]
    fn query(this: &LockQuery) -> Result<Thenable, JsValue>;

    type LockSnapshot;
    #[wasm_bindgen(method, getter)]
    fn held(this: &LockSnapshot) -> Array;

    type HeldLock;
    #[wasm_bindgen(method, getter)]
    fn name(this: &HeldLock) -> String;
}

/// Passes the live producers to the client, where the browser lists locks. `prefix` is that of
/// producers' locks.
pub(super) fn query(client: u32, prefix: String) {
    let Some(locks) = web_lock::manager() else { return };
    let Ok(snapshot) = locks.unchecked_into::<LockQuery>().query() else { return };
    let take = Closure::once_into_js(move |snapshot: JsValue| {
        let alive = producers(&snapshot.unchecked_into(), &prefix);
        clients::with_caught(client, |client| client.set_live_producers(&alive));
    });
    snapshot.then(&take, &web_lock::ignore());
}

fn producers(snapshot: &LockSnapshot, prefix: &str) -> Vec<Producer> {
    let mut alive = Vec::new();
    for lock in snapshot.held().iter() {
        let name = lock.unchecked_into::<HeldLock>().name();
        alive.extend(name.strip_prefix(prefix).and_then(Producer::parse));
    }
    alive
}
