//! Which producers' pages are alive: those whose Web Locks are held.

use lamplight_wire::Producer;
use wasm_bindgen::prelude::*;

use super::clients;
use crate::text;

#[wasm_bindgen(module = "/src/browser/web_lock.js")]
extern "C" {
    fn query(prefix: &str, done: &JsValue);
}

/// Passes the live producers to the client, where the browser lists locks. `prefix` is that of
/// producers' locks.
pub(super) fn query_locks(client: u32, prefix: &str) {
    let done = Closure::once_into_js(move |names: String| {
        let mut alive = Vec::new();
        text::for_each_line(&names, |name| alive.extend(Producer::parse(name)));
        clients::with_caught(client, |client| client.set_live_producers(&alive));
    });
    query(prefix, &done);
}
