//! The functions of `host.js`. Each takes the host's number first, so that wasm-bindgen wraps and
//! names each one. Only texts and numbers cross, except for the promise of an overflow operation.

use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/browser/host.js")]
extern "C" {
    pub(super) fn get(host: u32, key: &str) -> Option<String>;
    pub(super) fn size(host: u32, key: &str) -> u32;
    pub(super) fn set(host: u32, key: &str, value: &str) -> u32;
    #[wasm_bindgen(js_name = setNumbered)]
    pub(super) fn set_numbered(host: u32, number: f64, value: &str) -> u32;
    #[wasm_bindgen(js_name = setEventPrefix)]
    pub(super) fn set_event_prefix(host: u32, text: &str);
    pub(super) fn remove(host: u32, key: &str);
    pub(super) fn keys(host: u32, prefix: &str) -> String;
    #[wasm_bindgen(js_name = sizeExcluding)]
    pub(super) fn size_excluding(host: u32, prefix: &str, own: &str) -> u32;
    #[wasm_bindgen(js_name = wallMs)]
    pub(super) fn wall_ms(host: u32) -> f64;
    #[wasm_bindgen(js_name = monotonicMs)]
    pub(super) fn monotonic_ms(host: u32) -> f64;
    #[wasm_bindgen(js_name = randomBits)]
    pub(super) fn random_bits(host: u32) -> u32;
    #[wasm_bindgen(js_name = setTimer)]
    pub(super) fn set_timer(host: u32, wait_ms: u32);
    pub(super) fn note(host: u32, kind: u32, first: f64, second: f64, text: &str);
    #[wasm_bindgen(js_name = returnText)]
    pub(super) fn return_text(host: u32, text: &str);
    #[wasm_bindgen(js_name = postRequest)]
    pub(super) fn post_request(host: u32, id: u32, body: &str, keepalive: bool);
    pub(super) fn abort(host: u32, id: u32);
    #[wasm_bindgen(js_name = holdLock)]
    pub(super) fn hold_lock(host: u32, name: &str);
    #[wasm_bindgen(js_name = releaseLock)]
    pub(super) fn release_lock(host: u32);
    #[wasm_bindgen(js_name = queryLocks)]
    pub(super) fn query_locks(host: u32);
    #[wasm_bindgen(js_name = loadFullClient)]
    pub(super) fn load_full_client(host: u32);
    #[wasm_bindgen(js_name = blockStorage)]
    pub(super) fn block_storage(host: u32);
    #[wasm_bindgen(js_name = awaitOverflow)]
    pub(super) fn await_overflow(host: u32, id: u32, promise: JsValue);
}

// For tests in Rust, where no JavaScript creates a host.
#[wasm_bindgen(module = "/src/browser/host.js")]
extern "C" {
    /// Creates a host; returns its number.
    pub fn open(url: &str, listener: JsValue) -> u32;
    /// Makes a host pass results to `core`.
    pub fn attach(host: u32, core: JsValue);
}

#[wasm_bindgen(module = "/src/browser/overflow.js")]
extern "C" {
    pub(super) fn overflow(database: &str, what: u32, key: &str, text: &str) -> JsValue;
}
