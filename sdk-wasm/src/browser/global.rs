//! The global object.

use wasm_bindgen::prelude::*;
use web_sys::Window;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_name = globalThis)]
    static GLOBAL: Window;
}

/// Calls `act` with `globalThis`. In a worker it is no window, but has what is used of one here,
/// or `undefined` in its place.
pub(super) fn with<R>(act: impl FnOnce(&Window) -> R) -> R {
    GLOBAL.with(act)
}
