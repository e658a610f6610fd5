//! The Web Lock by which other tabs see that a page lives. It never guards storage.

use js_sys::Function;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/browser/web_lock.js")]
extern "C" {
    fn hold(name: &str) -> Function;
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
    /// What releases it.
    release: Option<Function>,
}

impl WebLock {
    pub(super) fn change(self, change: WebLockChange) -> Self {
        self.release();
        match change {
            WebLockChange::Hold(name) => Self { release: Some(hold(&name)) },
            WebLockChange::Release => Self::default(),
        }
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
        Self { release }
    }

    /// What releases the lock, for the client that takes over.
    #[cfg(not(feature = "full"))]
    pub(super) fn into_release(self) -> Option<Function> {
        self.release
    }
}
