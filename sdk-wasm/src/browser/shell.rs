//! Drives a client: does what it asked for, passes its notes on, and sets its timer.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::mem;
use std::rc::Rc;

use gloo_timers::callback::Timeout;

use super::page_events::PageEvents;
use super::requests::{QueuedRequest, Request, answered};
use super::web_lock::WebLock;
use super::{Browser, Effects, Listener, clients, listener};
use crate::client::Client;
#[cfg(not(feature = "full"))]
use crate::client::FirstClient;
#[cfg(feature = "full")]
use crate::client::FullClient;
use crate::notes::Note;
use crate::ports::{Clock, Response};

/// The longest wait that the timer is set for, in milliseconds.
const TIMER_MS_MAX: u64 = 60_000;

/// How late a timer may be before it counts as cleared by the page, in milliseconds.
const LOST_TIMER_MS: u64 = 1_000;

/// The client of this build: the full one, or the one that a page starts with.
#[cfg(feature = "full")]
pub type PageClient = FullClient<Browser>;
/// The client of this build: the full one, or the one that a page starts with.
#[cfg(not(feature = "full"))]
pub type PageClient = FirstClient<Browser>;

/// A client in its page.
pub struct Shell {
    pub(super) number: u32,
    /// `None` while the client works.
    pub(super) client: Cell<Option<Box<PageClient>>>,
    url: String,
    pub(super) listener: Listener,
    page_events: Cell<Option<PageEvents>>,
    timer: Cell<Option<Timeout>>,
    /// When the timer fires; `u64::MAX` when it is not set.
    timer_due_ms: Cell<u64>,
    requests: RefCell<Vec<Request>>,
    web_lock: Cell<WebLock>,
    /// The full client has loaded, and takes over once this one is idle.
    #[cfg(not(feature = "full"))]
    successor_is_loaded: Cell<bool>,
}

impl fmt::Debug for Shell {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shell").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Shell {
    /// Starts to drive the client that `client` makes for a number, which is returned.
    pub fn start(url: String, listener: Listener, client: impl FnOnce(u32) -> PageClient) -> u32 {
        Self::start_with(url, listener, WebLock::default(), client)
    }

    fn start_with(
        url: String,
        listener: Listener,
        web_lock: WebLock,
        client: impl FnOnce(u32) -> PageClient,
    ) -> u32 {
        let number = clients::next_number();
        let client = client(number);
        let mut producer = String::new();
        client.producer().push_to(&mut producer);
        listener.started(&producer);
        let shell = Rc::new(Self {
            number,
            client: Cell::new(Some(Box::new(client))),
            url,
            listener,
            page_events: Cell::new(Some(PageEvents::listen(number))),
            timer: Cell::default(),
            timer_due_ms: Cell::new(u64::MAX),
            requests: RefCell::default(),
            web_lock: Cell::new(web_lock),
            #[cfg(not(feature = "full"))]
            successor_is_loaded: Cell::new(false),
        });
        clients::add(Rc::clone(&shell));
        shell.follow_up();
        number
    }

    /// Sends all waiting events of a client now. The page waits for it, and may have cleared the
    /// timer, so the timer is set again.
    pub fn flush(number: u32) -> bool {
        if let Some(shell) = clients::find(number) {
            shell.timer_due_ms.set(u64::MAX);
        }
        clients::with(number, PageClient::flush).is_some()
    }

    /// Does what the client asked for. What this calls may call the client again.
    #[inline(never)]
    pub(super) fn follow_up(&self) {
        let Some(mut client) = self.client.take() else { return };
        let due_ms = client.next_wake_ms();
        let now_ms = client.ports().monotonic_ms();
        let effects = mem::take(&mut client.ports().effects);
        let notes = client.take_notes();
        self.client.set(Some(client));
        self.set_timer(due_ms, now_ms);
        self.perform(effects);
        self.report(&notes);
        self.end();
    }

    /// Sets the timer unless it fires early enough already. Firing too early is harmless.
    fn set_timer(&self, due_ms: Option<u64>, now_ms: u64) {
        let Some(due_ms) = due_ms else { return };
        let wait_ms = due_ms.saturating_sub(now_ms).min(TIMER_MS_MAX);
        let set_ms = self.timer_due_ms.get();
        if set_ms <= now_ms + wait_ms && now_ms < set_ms + LOST_TIMER_MS {
            return;
        }
        self.timer_due_ms.set(now_ms + wait_ms);
        let number = self.number;
        let timer = Timeout::new(u32::try_from(wait_ms).unwrap_or(0), move || timer_fired(number));
        self.timer.set(Some(timer));
    }

    fn perform(&self, effects: Effects) {
        if let Some(change) = effects.web_lock {
            self.web_lock.set(self.web_lock.take().change(change));
        }
        for number in &effects.cancelled {
            self.forget_request(*number);
        }
        for queued in &effects.requests {
            if !effects.cancelled.contains(&queued.number) {
                self.send(queued);
            }
        }
        #[cfg(not(feature = "full"))]
        if effects.load_full_client {
            self.listener.load();
        }
    }

    fn send(&self, queued: &QueuedRequest) {
        if self.listener.sending(u32::try_from(queued.body.len()).unwrap_or(u32::MAX)) {
            let request = Request::send(self.number, &self.url, queued);
            self.requests.borrow_mut().push(request);
        } else {
            answered(self.number, queued.number, &Response::default());
        }
    }

    /// How many bytes of a request were sent so that they outlive the page.
    pub(super) fn outliving_bytes(&self, number: u32) -> usize {
        let requests = self.requests.borrow();
        requests.iter().find(|request| request.number == number).map_or(0, Request::outliving_bytes)
    }

    fn report(&self, notes: &[Note]) {
        for note in notes {
            listener::report(&self.listener, note);
        }
    }

    /// Cancels a request, unless it has ended.
    pub(super) fn forget_request(&self, number: u32) {
        let at = self.requests.borrow().iter().position(|request| request.number == number);
        let request = at.map(|at| self.requests.borrow_mut().swap_remove(at));
        // Cancelling may run code of the page.
        drop(request);
    }

    /// Releases what a closed client does not need. Whether that is everything: the responses to
    /// its last requests still have to be taken.
    fn is_finished(&self) -> bool {
        self.page_events.take();
        let is_finished = self.requests.borrow().is_empty();
        if is_finished {
            self.release();
        }
        is_finished
    }

    /// Stops everything that calls the client, and releases its Web Lock.
    pub(super) fn release(&self) {
        clients::remove(self.number);
        self.page_events.take();
        self.timer.take();
        self.requests.take();
        self.web_lock.take().release();
    }
}

fn timer_fired(number: u32) {
    if let Some(shell) = clients::find(number) {
        shell.timer_due_ms.set(u64::MAX);
    }
    clients::with_caught(number, PageClient::timer_fired);
}

#[cfg(not(feature = "full"))]
impl Shell {
    /// The full client has loaded: it takes over as soon as this client is idle.
    pub fn successor_loaded(number: u32) {
        if let Some(shell) = clients::find(number) {
            shell.successor_is_loaded.set(true);
            shell.follow_up();
        }
    }

    /// Ends this client if it has closed, or hands it over if the full client has loaded.
    fn end(&self) {
        let Some(mut client) = self.client.take() else { return };
        if client.is_closed() {
            if self.is_finished() {
                self.listener.closed(&client.stats());
                return;
            }
        } else if self.successor_is_loaded.get()
            && let Some(state) = client.hand_over()
        {
            let release_lock = self.web_lock.take().into_release();
            self.release();
            self.listener.take_over(&state, release_lock);
            return;
        }
        self.client.set(Some(client));
    }
}

#[cfg(feature = "full")]
impl Shell {
    /// Like [`Shell::start`], for a client that takes over from one that held a Web Lock.
    pub fn take_over(
        url: String,
        listener: Listener,
        release_lock: Option<js_sys::Function>,
        client: impl FnOnce(u32) -> PageClient,
    ) -> u32 {
        Self::start_with(url, listener, WebLock::from_release(release_lock), client)
    }

    /// Ends this client if it has closed.
    fn end(&self) {
        let Some(client) = self.client.take() else { return };
        if client.is_closed() && self.is_finished() {
            self.listener.closed(listener::object(&client.stats()));
        } else {
            self.client.set(Some(client));
        }
    }
}
