//! The only code that knows a browser: the ports on web APIs, and the shell that wakes the client.

mod clock;
mod js;
mod liveness;
mod page;
mod rng;
mod shell;
mod storage;
mod transport;

pub use js::Listener;
pub use shell::Shell;

use liveness::Mark;
use transport::Outbox;

/// The page's own `localStorage`, clocks, `fetch` and Web Locks.
#[derive(Debug)]
pub struct Browser {
    /// Absent outside a page.
    window: Option<web_sys::Window>,
    performance: Option<web_sys::Performance>,
    storage: Option<web_sys::Storage>,
    namespace: String,
    /// What all keys of this page's events begin with, as Rust's text and as JavaScript's.
    prefix: (String, js_sys::JsString),
    outbox: Outbox,
    mark: Mark,
    /// Hears who is alive, once the shell is there to listen.
    listed: wasm_bindgen::JsValue,
}

impl Browser {
    /// The ports of this page. Storage that the browser withholds counts as blocked.
    pub fn new(namespace: &str) -> Self {
        let window = web_sys::window();
        Self {
            performance: window.as_ref().and_then(web_sys::Window::performance),
            // A getter that throws where a policy forbids storage.
            storage: window.as_ref().and_then(|window| window.local_storage().ok().flatten()),
            window,
            namespace: String::from(namespace),
            prefix: (String::new(), js_sys::JsString::from("")),
            outbox: Outbox::default(),
            mark: Mark::default(),
            listed: wasm_bindgen::JsValue::UNDEFINED,
        }
    }
}
