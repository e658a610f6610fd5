//! `fetch`.

use wasm_bindgen::{JsCast, JsValue};

use super::{Browser, js};
use crate::ports::{Answer, Transport};
use crate::text;

/// A request that the client wants sent.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) id: u32,
    body: String,
    keepalive: bool,
}

/// Requests to send, and those under way.
///
/// The client only files them: a page may have replaced `fetch` by something that tracks events itself, so it is
/// called when nobody holds the client any more.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) posts: Vec<Post>,
    under_way: Vec<UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    id: u32,
    controller: web_sys::AbortController,
    answer: Answer,
}

impl Transport for Browser {
    fn send(&mut self, request: u32, body: String, keepalive: bool) {
        self.outbox.posts.push(Post { id: request, body, keepalive });
    }

    fn abort(&mut self, request: u32) {
        self.outbox.posts.retain(|post| post.id != request);
        if let Some(under_way) = self.outbox.take(request) {
            under_way.controller.abort();
        }
    }
}

impl Post {
    /// Calls `fetch`. The text goes out as `text/plain`, so that no preflight is asked for.
    pub(super) fn start(
        &self,
        url: &str,
        controller: &web_sys::AbortController,
    ) -> Result<js::Promise, JsValue> {
        let init = web_sys::RequestInit::new();
        init.set_method("POST");
        init.set_body(&self.body.as_str().into());
        init.set_credentials(web_sys::RequestCredentials::Omit);
        init.set_signal(Some(&controller.signal()));
        // Not in `web-sys`; setting a member of a new object cannot fail.
        let _ = js_sys::Reflect::set(&init, &"keepalive".into(), &self.keepalive.into());
        js::fetch(url, &init)
    }
}

impl Outbox {
    /// Notes that a request is under way.
    pub(super) fn started(&mut self, id: u32, controller: web_sys::AbortController) {
        self.under_way.push(UnderWay { id, controller, answer: Answer::default() });
    }

    /// Notes an answer's head; the promise is of its text. `None` when the request was given up.
    pub(super) fn head(&mut self, id: u32, response: &JsValue) -> Option<js::Promise> {
        let under_way = self.under_way.iter_mut().find(|under_way| under_way.id == id)?;
        let response: &web_sys::Response = response.unchecked_ref();
        let retry_after = response.headers().get("retry-after").ok().flatten();
        under_way.answer.status = response.status();
        under_way.answer.retry_after_ms = retry_after.as_deref().and_then(retry_after_ms);
        Some(response.text().ok()?.unchecked_into())
    }

    /// Ends a request with an answer's text, or with none.
    pub(super) fn end(&mut self, id: u32, text: Option<String>) -> Option<Answer> {
        let mut answer = self.take(id)?.answer;
        match text {
            Some(text) => answer.body = text,
            // A head without a body that could be read is no answer.
            None => answer = Answer::default(),
        }
        Some(answer)
    }

    fn take(&mut self, id: u32) -> Option<UnderWay> {
        let at = self.under_way.iter().position(|under_way| under_way.id == id)?;
        Some(self.under_way.swap_remove(at))
    }
}

/// What `Retry-After` says (RFC 9110, 10.2.3): seconds, or a date.
fn retry_after_ms(text: &str) -> Option<u64> {
    if let Some(seconds) = text::number(text) {
        return Some(seconds.saturating_mul(1000));
    }
    let wait_ms = js_sys::Date::parse(text) - js_sys::Date::now();
    // Not a number compares false; a date in the past asks for no wait.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    wait_ms.is_finite().then(|| wait_ms.max(0.0) as u64)
}
