//! The only code that knows a browser: the ports on web APIs, and the shell that wakes the client.

mod clock;
mod js;
mod liveness;
mod overflow;
mod page;
mod rng;
mod shell;
mod storage;
mod transport;

use wasm_bindgen::JsCast;

pub use js::Listener;
pub use overflow::do_work;
pub use shell::Shell;

use liveness::Mark;
use overflow::Errand;
use transport::Outbox;

/// The page's or worker's own `localStorage`, clocks, `fetch`, Web Locks and `IndexedDB`.
#[derive(Debug)]
pub struct Browser {
    global: web_sys::Window,
    performance: Option<web_sys::Performance>,
    storage: Option<web_sys::Storage>,
    namespace: String,
    /// What all keys of this page's events begin with, as Rust's text and as JavaScript's.
    prefix: (String, js_sys::JsString),
    outbox: Outbox,
    /// Work for the overflow that has not been started.
    errands: Vec<Errand>,
    mark: Mark,
    /// Hears who is alive, once the shell is there to listen.
    listed: wasm_bindgen::JsValue,
}

impl Browser {
    /// The ports of this page. Storage that the browser withholds counts as blocked.
    pub fn new(namespace: &str) -> Self {
        let global = global();
        Self {
            performance: global.performance(),
            // A getter that throws where a policy forbids storage.
            storage: global.local_storage().ok().flatten(),
            global,
            namespace: String::from(namespace),
            prefix: (String::new(), js_sys::JsString::from("")),
            outbox: Outbox::default(),
            errands: Vec::new(),
            mark: Mark::default(),
            listed: wasm_bindgen::JsValue::UNDEFINED,
        }
    }
}

impl Browser {
    /// Has storage count as blocked from now on.
    pub fn block_storage(&mut self) {
        self.storage = None;
    }
}

/// The page's window. In a worker its global scope, which has the same members but for those of a page: they read as
/// missing, so it is treated as a window without a document and without `localStorage`.
fn global() -> web_sys::Window {
    js_sys::global().unchecked_into()
}
