//! What `web-sys` and `js-sys` do not have: Web Locks, which are not in their stable part; promises answered by functions
//! that are made once and bound to what they are for; and calls that must be caught, because a page can replace or forbid
//! what stands behind them.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[derive(Clone)]
    pub(super) type Promise;
    #[wasm_bindgen(constructor)]
    pub(super) fn with(executor: &mut dyn FnMut(js_sys::Function)) -> Promise;
    #[wasm_bindgen(method)]
    pub(super) fn then(this: &Promise, done: &JsValue, failed: &JsValue) -> Promise;
    // Asked for by name, because a function is wanted, not a call.
    #[wasm_bindgen(thread_local_v2, js_namespace = Promise, js_name = resolve)]
    static PROMISE_RESOLVE: js_sys::Function;
    #[wasm_bindgen(thread_local_v2, js_name = Promise)]
    static PROMISE: JsValue;

    // A page may have replaced it by one that throws.
    #[wasm_bindgen(catch)]
    pub(super) fn fetch(url: &str, init: &web_sys::RequestInit) -> Result<Promise, JsValue>;
    // Not in every browser: then the name itself throws.
    pub(super) type CompressionStream;
    #[wasm_bindgen(constructor, catch)]
    pub(super) fn new(format: &str) -> Result<CompressionStream, JsValue>;
    /// A `Response` of our own making: the shortest way from a text to a stream, and from a stream to bytes.
    type Stream;
    #[wasm_bindgen(constructor, js_class = "Response", catch)]
    fn of(body: &JsValue) -> Result<Stream, JsValue>;
    #[wasm_bindgen(method, getter)]
    fn body(this: &Stream) -> Pipe;
    #[wasm_bindgen(method, js_name = arrayBuffer)]
    fn bytes(this: &Stream) -> Promise;
    type Pipe;
    #[wasm_bindgen(method, catch, js_name = pipeThrough)]
    fn through(this: &Pipe, stream: &CompressionStream) -> Result<JsValue, JsValue>;
    // Storage may be forbidden while the page runs.
    #[wasm_bindgen(js_namespace = Object, js_name = keys, catch)]
    pub(super) fn object_keys(object: &web_sys::Storage) -> Result<js_sys::Array, JsValue>;

    // With texts that are JavaScript's already.
    pub(super) type Items;
    #[wasm_bindgen(method, catch, js_name = setItem)]
    pub(super) fn set(this: &Items, key: &js_sys::JsString, value: &str) -> Result<(), JsValue>;
    type TextStorage;
    #[wasm_bindgen(method, catch, js_name = getItem)]
    fn item(this: &TextStorage, key: &str) -> Result<Option<js_sys::JsString>, JsValue>;

    /// The page's function that hears notes: `(name, json) => void`.
    #[derive(Debug)]
    pub type Listener;
    #[wasm_bindgen(method, catch, js_name = call)]
    pub(super) fn tell(
        this: &Listener,
        this_arg: &JsValue,
        name: &str,
        json: &str,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(thread_local_v2, js_name = navigator)]
    static NAVIGATOR: Navigator;
    type Navigator;
    #[wasm_bindgen(method, getter)]
    fn locks(this: &Navigator) -> Option<LockManager>;
    pub(super) type LockManager;
    #[wasm_bindgen(method, catch)]
    pub(super) fn request(
        this: &LockManager,
        name: &str,
        granted: &JsValue,
    ) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(super) fn query(this: &LockManager) -> Result<Promise, JsValue>;
    pub(super) type LockSnapshot;
    #[wasm_bindgen(method, getter)]
    pub(super) fn held(this: &LockSnapshot) -> Vec<LockInfo>;
    pub(super) type LockInfo;
    #[wasm_bindgen(method, getter)]
    pub(super) fn name(this: &LockInfo) -> String;
}

/// A value that stays on JavaScript's side.
pub(super) fn item(storage: &web_sys::Storage, key: &str) -> Option<js_sys::JsString> {
    storage.unchecked_ref::<TextStorage>().item(key).ok().flatten()
}

/// The page's lock manager, in secure contexts of browsers that have one.
pub(super) fn locks() -> Option<LockManager> {
    NAVIGATOR.with(Navigator::locks)
}

/// A function that returns `value`, whatever it is called with.
pub(super) fn constant(value: &JsValue) -> JsValue {
    PROMISE.with(|promise| PROMISE_RESOLVE.with(|resolve| resolve.bind1(promise, value).into()))
}

/// The gzip form of `text`, made off the page's own thread.
pub(super) fn packed(text: &str) -> Result<Promise, JsValue> {
    let gzip = CompressionStream::new("gzip")?;
    let stream = Stream::of(&text.into())?.body().through(&gzip)?;
    Ok(Stream::of(&stream)?.bytes())
}
