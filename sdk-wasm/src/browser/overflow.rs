//! `IndexedDB`, through a few lines of JavaScript: in Rust its glue would be four times as much.

use wasm_bindgen::prelude::*;

use super::{Browser, js};
use crate::ports::{Overflow, Work};

#[wasm_bindgen(module = "/src/browser/overflow.js")]
extern "C" {
    fn overflow(database: &str, what: u32, key: &str, text: &str) -> js::Promise;
}

/// A piece of work that the client wants done.
#[derive(Debug)]
pub(super) struct Errand {
    pub(super) id: u32,
    work: Work,
}

impl Overflow for Browser {
    /// Only files it: it is done when nobody holds the client any more.
    fn work(&mut self, id: u32, work: Work) {
        self.errands.push(Errand { id, work });
    }
}

impl Errand {
    /// Does it. Never throws: every failure is told by the promise.
    pub(super) fn start(&self, database: &str) -> js::Promise {
        match &self.work {
            Work::List => overflow(database, 0, "", ""),
            Work::Read(name) => overflow(database, 1, name, ""),
            Work::Write(name, text) => overflow(database, 2, name, text),
            Work::Erase(name) => overflow(database, 3, name, ""),
        }
    }
}

/// Does one piece of work in the database named `database`; `told` hears what came of it.
pub fn do_work(database: &str, work: Work, told: impl FnOnce(Option<String>) + 'static) {
    let hear = Closure::once_into_js(move |value: JsValue| told(value.as_string()));
    Errand { id: 0, work }.start(database).then(&hear, &hear);
}
