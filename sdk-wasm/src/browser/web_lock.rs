//! The Web Lock by which other tabs see that a page lives. It never guards storage. Some frames
//! refuse it, and then heartbeats tell.

use gloo_timers::callback::Timeout;
use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;

use super::global;

// web-sys has Web Locks only as an unstable API.
#[wasm_bindgen]
extern "C" {
    pub(super) type PageNavigator;
    #[wasm_bindgen(method, getter)]
    pub(super) fn locks(this: &PageNavigator) -> Option<LockManager>;

    pub(super) type LockManager;
    #[wasm_bindgen(method, catch)]
    fn request(this: &LockManager, name: &str, callback: &JsValue) -> Result<Thenable, JsValue>;

    /// A promise that is handled without futures, which would take more bytes than all of this.
    pub(super) type Thenable;
    #[wasm_bindgen(method)]
    pub(super) fn then(this: &Thenable, resolved: &JsValue, rejected: &JsValue);
}

/// What the client wants to happen to its lock.
#[derive(Debug)]
pub(super) enum WebLockChange {
    /// Hold the lock with this name.
    Hold(String),
    Release,
}

/// The lock of a client.
#[derive(Debug, Default)]
pub(super) struct WebLock {
    /// Resolves the promise until whose end the browser holds the lock.
    release: Option<Function>,
    /// Requests the lock.
    _request: Option<Timeout>,
}

impl WebLock {
    pub(super) fn change(self, change: WebLockChange) -> Self {
        self.release();
        match change {
            WebLockChange::Hold(name) => Self::hold(name),
            WebLockChange::Release => Self::default(),
        }
    }

    /// Requests the lock with this name, and holds it until [`WebLock::release`].
    ///
    /// It is requested in a task of its own, because a starting page has other work and no tab
    /// looks for the lock of a page that is seconds old.
    fn hold(name: String) -> Self {
        let mut release = None;
        let held = Promise::new(&mut |resolve, _| release = Some(resolve.unchecked_into()));
        Self { release, _request: Some(Timeout::new(0, move || request(&name, held))) }
    }

    /// Releases the lock, whether or not the browser has granted it yet.
    pub(super) fn release(self) {
        if let Some(release) = self.release {
            let _ = release.call0(&JsValue::UNDEFINED);
        }
    }

    /// Takes over a lock that a client of another module holds.
    #[cfg(feature = "full")]
    pub(super) const fn from_release(release: Option<Function>) -> Self {
        Self { release, _request: None }
    }

    /// What releases the lock, for the client that takes over.
    #[cfg(not(feature = "full"))]
    pub(super) fn into_release(self) -> Option<Function> {
        self.release
    }
}

/// The browser's Web Locks, if it has them.
pub(super) fn manager() -> Option<LockManager> {
    global::with(|global| global.navigator().unchecked_into::<PageNavigator>().locks())
}

fn request(name: &str, held: Promise) {
    let Some(locks) = manager() else { return };
    let granted = Closure::once_into_js(move || held);
    if let Ok(requested) = locks.request(name, &granted) {
        requested.then(&JsValue::UNDEFINED, &ignore());
    }
}

/// A function that does nothing.
pub(super) fn ignore() -> JsValue {
    Closure::once_into_js(|| {})
}
