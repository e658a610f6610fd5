//! The overflow in `IndexedDB`.

use wasm_bindgen::prelude::*;

use super::clients;
use crate::ports::OverflowOperation;

// IndexedDB reports by events of requests and transactions, so it is a short module of JavaScript.
// Each function calls `done` once, with its result; with nothing when it failed.
#[wasm_bindgen(module = "/src/browser/indexed_db.js")]
extern "C" {
    fn list(database: &str, done: &JsValue);
    fn read(database: &str, key: &str, done: &JsValue);
    fn write(database: &str, key: &str, text: &str, done: &JsValue);
    fn erase(database: &str, key: &str, done: &JsValue);
}

/// Runs an operation in the database with this name, and passes the result to the client.
pub(super) fn start(client: u32, database: &str, id: u32, operation: &OverflowOperation) {
    run_operation(database, operation, move |result| {
        clients::with_caught(client, |client| client.overflow_done(id, result.as_deref()));
    });
}

/// Runs an operation in the database with this name. `done` gets its result; `None` when it failed.
pub fn run_operation(
    database: &str,
    operation: &OverflowOperation,
    done: impl FnOnce(Option<String>) + 'static,
) {
    let done = Closure::once_into_js(done);
    match operation {
        OverflowOperation::List => list(database, &done),
        OverflowOperation::Read(key) => read(database, key, &done),
        OverflowOperation::Write(key, text) => write(database, key, text, &done),
        OverflowOperation::Erase(key) => erase(database, key, &done),
    }
}
