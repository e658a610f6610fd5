//! `fetch`.

use wasm_bindgen::{JsCast, JsValue};

use super::{Browser, js};
use crate::ports::{Answer, Transport};
use crate::text;

/// From how many bytes on a body is packed: a batch of small events then still goes out in the task that made it.
const PACK_BYTES_MIN: usize = 8 * 1024;

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
    packing: Vec<Post>,
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
        self.outbox.packing.retain(|post| post.id != request);
        if let Some(under_way) = self.outbox.take(request) {
            under_way.controller.abort();
        }
    }
}

impl Post {
    /// Whether it is worth its while to pack the body first. Never what is to outlive the page: there may be no later
    /// task to send it in.
    pub(super) fn is_worth_packing(&self) -> bool {
        !self.keepalive && self.body.len() >= PACK_BYTES_MIN
    }

    /// The body's bytes.
    pub(super) fn bytes(&self) -> usize {
        self.body.len()
    }

    /// Begins to pack the body.
    pub(super) fn pack(&self) -> Result<js::Promise, JsValue> {
        js::packed(&self.body)
    }

    /// Calls `fetch` with the body, or with its packed form. Both go out as `text/plain`, and the packed one without
    /// naming its encoding, which it tells by its first bytes: so that no preflight is asked for.
    pub(super) fn start(
        &self,
        url: &str,
        controller: &web_sys::AbortController,
        packed: Option<&JsValue>,
    ) -> Result<js::Promise, JsValue> {
        let init = web_sys::RequestInit::new();
        init.set_method("POST");
        if let Some(packed) = packed {
            let headers = web_sys::Headers::new()?;
            headers.append("content-type", "text/plain")?;
            init.set_headers(&headers);
            init.set_body(packed);
        } else {
            init.set_body(&self.body.as_str().into());
        }
        init.set_credentials(web_sys::RequestCredentials::Omit);
        init.set_signal(Some(&controller.signal()));
        // Not in `web-sys`; setting a member of a new object cannot fail.
        let _ = js_sys::Reflect::set(&init, &"keepalive".into(), &self.keepalive.into());
        js::fetch(url, &init)
    }
}

impl Outbox {
    /// Keeps a request while its body is being packed.
    pub(super) fn packing(&mut self, post: Post) {
        self.packing.push(post);
    }

    /// Hands out a request whose body was packed; `None` when it was given up meanwhile.
    pub(super) fn packed(&mut self, id: u32) -> Option<Post> {
        let at = self.packing.iter().position(|post| post.id == id)?;
        Some(self.packing.swap_remove(at))
    }

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
