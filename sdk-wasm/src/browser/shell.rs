//! Drives the client and sets its timer.

use std::cell::{Cell, RefCell};

use super::{Browser, host};
use crate::client::Client;
#[cfg(not(feature = "full"))]
use crate::client::FirstClient;
#[cfg(feature = "full")]
use crate::client::FullClient;
use crate::notes::EncodedNote;
use crate::ports::{Clock, PageEvent, Response};

/// The longest wait that the timer is set for, in milliseconds.
const TIMER_MS_MAX: u64 = 60_000;

/// The client of this build: the full client, or only the one that a page starts with.
#[cfg(feature = "full")]
pub type PageClient = FullClient<Browser>;
/// The client of this build: the full client, or only the one that a page starts with.
#[cfg(not(feature = "full"))]
pub type PageClient = FirstClient<Browser>;

/// A client in its page. It is never freed: it lives as long as the page, or its module is
/// discarded with it.
#[derive(Debug)]
pub struct Shell {
    host: u32,
    client: RefCell<PageClient>,
    /// The time that the timer is set for; `u64::MAX` after it fired.
    armed_ms: Cell<u64>,
}

impl Shell {
    /// Drives `client`, whose ports are on the host with this number.
    pub fn start(host: u32, client: PageClient) -> &'static Self {
        let shell = Box::leak(Box::new(Self {
            host,
            client: RefCell::new(client),
            armed_ms: Cell::new(u64::MAX),
        }));
        shell.with(|_| {});
        shell
    }

    /// Calls `act` with the client, then reports notes and sets the timer. `None` when the client
    /// is busy, because a web API that it called was replaced by one that calls back.
    pub fn with<R>(&self, act: impl FnOnce(&mut PageClient) -> R) -> Option<R> {
        let mut client = self.client.try_borrow_mut().ok()?;
        let result = act(&mut client);
        self.follow_up(&mut client);
        Some(result)
    }

    /// Passes a text that JavaScript requested to the host, if there is one.
    pub fn return_text(&self, text: Option<String>) -> Option<()> {
        text.map(|text| host::return_text(self.host, &text))
    }

    /// Runs what is due.
    pub fn timer_fired(&self) -> Option<()> {
        self.armed_ms.set(u64::MAX);
        self.with(Client::timer_fired)
    }

    /// A request was answered; status 0 means that there was no response. `retry_after_ms` is
    /// negative or NaN without a `Retry-After`.
    pub fn answered(&self, id: u32, status: u16, retry_after_ms: f64, body: String) -> Option<()> {
        // No server asks for more than fits.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let retry_after_ms = (retry_after_ms >= 0.0).then_some(retry_after_ms as u64);
        self.with(|client| client.answered(id, &Response { status, body, retry_after_ms }))
    }

    /// Something happened to the page; `host.js` defines the numbers.
    pub fn page(&self, event: u32) -> Option<()> {
        let event = match event {
            0 => PageEvent::Hidden,
            1 => PageEvent::Visible,
            2 => PageEvent::Frozen,
            3 => PageEvent::Left,
            4 => PageEvent::Back,
            _ => PageEvent::Online,
        };
        self.with(|client| client.page_event(event))
    }

    /// Takes the names of the Web Locks that are held, one per line.
    #[cfg(feature = "full")]
    pub fn alive(&self, locks: &str) -> Option<()> {
        self.with(|client| {
            let alive = client.ports().live_producers(locks);
            client.set_live_producers(&alive);
        })
    }

    /// An operation on the overflow finished or failed.
    #[cfg(feature = "full")]
    pub fn overflow_done(&self, id: u32, is_done: bool, result: &str) -> Option<()> {
        self.with(|client| client.overflow_done(id, is_done.then_some(result)))
    }

    /// Reports the client's notes and sets the timer.
    #[inline(never)]
    fn follow_up(&self, client: &mut PageClient) {
        for note in &client.take_notes() {
            let EncodedNote { kind, first, second, text } = note.encode();
            // Counts and times, all far below 2^53.
            #[allow(clippy::cast_precision_loss)]
            host::note(self.host, kind, first as f64, second as f64, &text);
        }
        let Some(due_ms) = client.next_wake_ms() else { return };
        // The timer is set for this time already and has not fired.
        if self.armed_ms.replace(due_ms) == due_ms {
            return;
        }
        let wait_ms = due_ms.saturating_sub(client.ports().monotonic_ms()).min(TIMER_MS_MAX);
        host::set_timer(self.host, u32::try_from(wait_ms).unwrap_or(0));
    }
}
