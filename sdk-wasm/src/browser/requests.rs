//! Requests to the server.

use wasm_bindgen::prelude::*;

use super::clients;
use crate::client::Client;
use crate::ports::{Keepalive, Response, SMALL_BYTES_MAX};

/// Says that a request outlives the page, whatever its size.
const ANY_SIZE: u32 = u32::MAX;

#[wasm_bindgen(module = "/src/browser/post.js")]
extern "C" {
    /// Posts `body`. The request outlives the page if its body, compressed, has at most `small_max`
    /// bytes. A body that may have [`ANY_SIZE`] is not compressed. `done` is called once, with the
    /// status, the wait that the server asked for in milliseconds, and the body; the status is 0
    /// when there was no response.
    fn post(
        url: &str,
        body: &str,
        small_max: u32,
        done: &Closure<dyn FnMut(u16, f64, String)>,
    ) -> Cancel;

    /// Cancels a request.
    #[derive(Debug)]
    type Cancel;
    #[wasm_bindgen(method)]
    fn abort(this: &Cancel);
    /// How many bytes were sent so that they outlive the page.
    #[wasm_bindgen(method, getter)]
    fn outliving(this: &Cancel) -> u32;
}

/// A request that the client wants to be sent.
#[derive(Debug)]
pub(super) struct QueuedRequest {
    pub(super) number: u32,
    pub(super) body: String,
    pub(super) keepalive: Keepalive,
}

/// A request under way. Dropping it cancels it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) number: u32,
    cancel: Cancel,
    _done: Closure<dyn FnMut(u16, f64, String)>,
}

impl Request {
    /// Sends a request of this client.
    pub(super) fn send(client: u32, url: &str, queued: &QueuedRequest) -> Self {
        let number = queued.number;
        let done = Closure::new(move |status, wait_ms: f64, body| {
            // No server asks for more than fits.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let retry_after_ms = (wait_ms >= 0.0).then_some(wait_ms as u64);
            answered(client, number, &Response { status, body, retry_after_ms });
        });
        let small_max = match queued.keepalive {
            Keepalive::No => 0,
            Keepalive::IfSmall => SMALL_BYTES_MAX,
            Keepalive::Yes => ANY_SIZE,
        };
        let cancel = post(url, &queued.body, small_max, &done);
        Self { number, cancel, _done: done }
    }

    /// How many bytes were sent so that they outlive the page.
    pub(super) fn outliving_bytes(&self) -> usize {
        self.cancel.outliving() as usize
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.cancel.abort();
    }
}

/// Passes a response to its client.
pub(super) fn answered(client: u32, number: u32, response: &Response) {
    if let Some(shell) = clients::find(client) {
        shell.forget_request(number);
    }
    clients::with_caught(client, |client| client.answered(number, response));
}
