//! Drives the client: one timer, the answers, the page's events.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use wasm_bindgen::prelude::*;
use web_sys::AbortController;

use super::transport::Post;
use super::{Browser, Listener, global, page};
use crate::client::Client;
use crate::notes::push_number;
use crate::options::Options;
use crate::ports::Answer;

/// The longest time that `setTimeout` is asked for, in milliseconds.
const TIMER_MS_MAX: u64 = 60_000;

/// One shape for every function that JavaScript calls: `(what, value)`.
type Heard = Closure<dyn Fn(JsValue, JsValue)>;

/// A client in its page. It lives as long as the page does.
pub struct Shell {
    client: RefCell<Client<Browser>>,
    url: String,
    /// The overflow's database has the same name.
    namespace: String,
    listener: Listener,
    /// The timer, and when it fires by the monotonic clock.
    timer: RefCell<Option<(u64, Timeout)>>,
    ears: OnceCell<Ears>,
}

/// The functions that JavaScript calls.
struct Ears {
    page: Heard,
    listed: Heard,
    packed: Heard,
    head: Heard,
    text: Heard,
    failed: Heard,
    worked: Heard,
}

impl Shell {
    /// Starts a client that posts to `url` and tells `listener` what happens.
    pub fn start(url: &str, options: Options, listener: Listener) -> Rc<Self> {
        let browser = Browser::new(&options.namespace);
        let namespace = options.namespace.clone();
        let shell = Rc::new(Self {
            client: RefCell::new(Client::new(browser, options)),
            url: String::from(url),
            namespace,
            listener,
            timer: RefCell::new(None),
            ears: OnceCell::new(),
        });
        let ears = shell.ears.get_or_init(|| Ears {
            page: shell.hear(|shell, event, _| {
                if let Some(event) = page::read(&global(), &event) {
                    shell.with(|client| client.page(event));
                }
            }),
            listed: shell.hear(|shell, snapshot, _| {
                shell.with(|client| {
                    let alive = client.ports().alive(&snapshot);
                    client.alive(&alive);
                });
            }),
            packed: shell.hear(|shell, id, bytes| {
                let post = shell.with(|client| client.ports().outbox.packed(request_id(&id)));
                if let Some(Some(post)) = post {
                    // Where packing failed, the text itself will do.
                    let is_packed = bytes.is_instance_of::<js_sys::ArrayBuffer>();
                    shell.fetch(&post, is_packed.then_some(&bytes));
                }
            }),
            head: shell.hear(|shell, id, response| {
                let text = shell
                    .with(|client| client.ports().outbox.head(request_id(&id), &response))
                    .flatten();
                if let (Some(text), Some(ears)) = (text, shell.ears.get()) {
                    text.then(&bound(&ears.text, &id), &bound(&ears.failed, &id));
                }
            }),
            text: shell.hear(|shell, id, text| shell.end(request_id(&id), text.as_string())),
            // A failure's reason is no text.
            worked: shell.hear(|shell, id, told| {
                let told = told.as_string();
                shell.with(|client| client.worked(request_id(&id), told.as_deref()));
            }),
            failed: shell.hear(|shell, id, _| shell.end(request_id(&id), None)),
        });
        page::listen(&global(), ears.page.as_ref());
        let listed = ears.listed.as_ref().clone();
        shell.with(|client| client.ports().listed = listed);
        shell
    }

    /// Does something with the client, then what follows from it. `None` when the client is busy, because a web API
    /// that it was just calling has been replaced by one that calls back.
    pub fn with<R>(self: &Rc<Self>, act: impl FnOnce(&mut Client<Browser>) -> R) -> Option<R> {
        let result = act(&mut *self.client.try_borrow_mut().ok()?);
        self.follow_up();
        Some(result)
    }

    fn hear(self: &Rc<Self>, hear: impl Fn(&Rc<Self>, JsValue, JsValue) + 'static) -> Heard {
        let shell = Rc::downgrade(self);
        Closure::new(move |what, value| {
            if let Some(shell) = shell.upgrade() {
                hear(&shell, what, value);
            }
        })
    }

    fn end(self: &Rc<Self>, id: u32, text: Option<String>) {
        self.with(|client| {
            if let Some(answer) = client.ports().outbox.end(id, text) {
                client.answered(id, &answer);
            }
        });
    }

    /// Sends what is to be sent, tells what is to be told, and sets the timer.
    fn follow_up(self: &Rc<Self>) {
        let Ok(mut client) = self.client.try_borrow_mut() else { return };
        let posts = std::mem::take(&mut client.ports().outbox.posts);
        let errands = std::mem::take(&mut client.ports().errands);
        let notes = client.take_notes();
        self.arm(&mut client);
        drop(client);
        for errand in errands {
            if let Some(ears) = self.ears.get() {
                let worked = bound(&ears.worked, &JsValue::from(errand.id));
                errand.start(&self.namespace).then(&worked, &worked);
            }
        }
        for post in posts {
            self.send(post);
        }
        for note in notes {
            // What the page's own listener throws is not ours to handle here.
            let _ = self.listener.tell(&JsValue::UNDEFINED, note.name(), &note.to_json());
        }
    }

    /// Sends a request, if that pays after packing its body.
    fn send(self: &Rc<Self>, post: Post) {
        if self.is_held_back(&post) {
            return self.give_back(post.id);
        }
        let packed = if post.is_worth_packing() { post.pack().ok() } else { None };
        let (Some(packed), Some(ears)) = (packed, self.ears.get()) else {
            return self.fetch(&post, None);
        };
        let packed_ear = bound(&ears.packed, &JsValue::from(post.id));
        if let Ok(mut client) = self.client.try_borrow_mut() {
            client.ports().outbox.packing(post);
        }
        packed.then(&packed_ear, &packed_ear);
    }

    /// Ends a request that was never started.
    fn give_back(self: &Rc<Self>, id: u32) {
        self.with(|client| client.answered(id, &Answer::default()));
    }

    /// Whether the page's code does not want the batch sent now.
    fn is_held_back(&self, post: &Post) -> bool {
        let mut json = String::new();
        push_number(&mut json, "{\"bytes\":", post.bytes() as u64);
        json.push('}');
        let answer = self.listener.tell(&JsValue::UNDEFINED, "sending", &json);
        answer.is_ok_and(|answer| answer == JsValue::FALSE)
    }

    /// Calls `fetch` with the body, or with its packed form.
    fn fetch(self: &Rc<Self>, post: &Post, packed: Option<&JsValue>) {
        let Ok(controller) = AbortController::new() else { return self.give_back(post.id) };
        let started = post.start(&self.url, &controller, packed);
        if let Ok(mut client) = self.client.try_borrow_mut() {
            client.ports().outbox.started(post.id, controller);
        }
        match (started, self.ears.get()) {
            (Ok(promise), Some(ears)) => {
                let id = JsValue::from(post.id);
                promise.then(&bound(&ears.head, &id), &bound(&ears.failed, &id));
            }
            _ => self.end(post.id, None),
        }
    }

    /// Sets the timer, unless it fires early enough already: firing too early does nothing.
    fn arm(self: &Rc<Self>, client: &mut Client<Browser>) {
        use crate::ports::Clock;
        let Some(due_ms) = client.next_wake_ms() else { return };
        let now_ms = client.ports().monotonic_ms();
        let wait_ms = due_ms.saturating_sub(now_ms).min(TIMER_MS_MAX);
        let mut timer = self.timer.borrow_mut();
        if timer.as_ref().is_some_and(|(at_ms, _)| *at_ms <= now_ms + wait_ms) {
            return;
        }
        let shell = Rc::downgrade(self);
        let timeout = Timeout::new(u32::try_from(wait_ms).unwrap_or(0), move || {
            if let Some(shell) = shell.upgrade() {
                *shell.timer.borrow_mut() = None;
                shell.with(Client::woke);
            }
        });
        // What was set before is cleared as it is dropped.
        *timer = Some((now_ms + wait_ms, timeout));
    }
}

/// `ear` with its first argument given.
fn bound(ear: &Heard, first: &JsValue) -> JsValue {
    ear.as_ref().unchecked_ref::<js_sys::Function>().bind1(&JsValue::UNDEFINED, first).into()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn request_id(id: &JsValue) -> u32 {
    // It was made from a `u32`.
    id.as_f64().unwrap_or(0.0) as u32
}
