//! The client: one page's queue, sender and adopter, without I/O of its own.
//!
//! A page starts with a [`FirstClient`], which creates and sends the page's own events. It hands
//! over to a [`FullClient`], which also works for other tabs and handles trouble. Each consists of
//! a [`Core`] and of what only it does, so the first client that a page downloads contains no code
//! that only the full client needs. [`Client`] is what a page can do with either.
//!
//! Every effect goes through the [`Ports`]. Results come back through [`Client::answered`],
//! [`Client::page_event`], [`FullClient::set_live_producers`] and [`FullClient::overflow_done`].
//! [`Client::next_wake_ms`] says when to call [`Client::timer_fired`]. The browser and the
//! simulation drive exactly this code.

mod core;
mod first;
mod full;
mod handover;

use lamplight_wire::Producer;

use crate::notes::Note;
use crate::ports::{PageEvent, Ports, Response};
use crate::queue::PageQueue;

pub use self::core::{COUNTERS, Core, NewEvent, TrackOutcome, Tracked};
pub use first::FirstClient;
pub use full::FullClient;

/// What a page can do with its client, whichever of the two it is.
pub trait Client {
    /// Its way to the environment.
    type Ports: Ports;
    /// Where its events wait.
    type Queue: PageQueue;
    /// What it must know about a request in flight, besides the queue's events.
    type Contents;

    /// What both clients have.
    fn core(&self) -> &Core<Self::Ports, Self::Queue, Self::Contents>;

    /// What both clients have, to change it.
    fn core_mut(&mut self) -> &mut Core<Self::Ports, Self::Queue, Self::Contents>;

    /// Numbers an event and adds it to the queue. When the outcome is [`TrackOutcome::Stored`], the
    /// event is in storage and survives the page.
    fn track(&mut self, event: &NewEvent<'_>) -> Tracked;

    /// Records consent, for this page and for later ones.
    fn consent(&mut self);

    /// Withdraws consent: deletes every waiting event in this browser, those of other tabs too, and
    /// declares them as `opted_out`. With `forgets`, also deletes person and session.
    ///
    /// When this returns, storage holds none of it. Blocks in the overflow are erased in later
    /// tasks, of this page or of the next one that withdraws. A first client deletes its own events
    /// and loads the full client at once, which deletes the rest.
    fn withdraw(&mut self, forgets: bool);

    /// Takes the response to a request. A response to a cancelled request is ignored.
    fn answered(&mut self, id: u32, response: &Response);

    /// Handles a page event.
    fn page_event(&mut self, event: PageEvent);

    /// When to call [`Client::timer_fired`], by the monotonic clock.
    fn next_wake_ms(&mut self) -> Option<u64>;

    /// Does everything that is due.
    fn timer_fired(&mut self);

    /// This page's producer.
    fn producer(&self) -> Producer {
        self.core().producer
    }

    /// The ports, for callers that have to reach their own.
    fn ports(&mut self) -> &mut Self::Ports {
        &mut self.core_mut().ports
    }

    /// Sets the `context` object of later events as JSON text; empty for none.
    fn set_context(&mut self, context_json: &str) {
        self.core_mut().set_context(context_json);
    }

    /// Sets the user id of later events, escaped as inside a JSON string, for this page and later
    /// ones. `None` starts a new anonymous person. Other tabs follow at their next scan.
    fn identify(&mut self, id: Option<&str>) {
        self.core_mut().identify(id);
    }

    /// Whether consent was withdrawn in this browser and not given again since.
    fn is_withdrawn(&self) -> bool {
        self.core().is_withdrawn
    }

    /// Sends all waiting events now. A [`Note::Flushed`] reports when that is done, or why it
    /// cannot be done.
    fn flush(&mut self) {
        self.core_mut().flush();
    }

    /// Whether an event of this page still waits for its 2xx.
    fn is_queued(&self, seq: u64) -> bool {
        self.core().queue.contains(seq)
    }

    /// The numbers of `stats()` that both clients have: events made, queued; bytes queued, stored;
    /// events sent; requests; remaining backoff in milliseconds; one more than the last failure's
    /// status, or 0; one more than the index of the last request's reason in
    /// [`FlushReason::ALL`](crate::send::flush::FlushReason::ALL), or 0; and dropped events, by
    /// reason.
    fn counters(&self) -> [u64; COUNTERS.len()] {
        self.core().counters()
    }

    /// The notes for the page's code since the last call.
    fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.core_mut().notes)
    }

    /// Whether it was closed: it does nothing more than take the responses to its requests.
    fn is_closed(&self) -> bool {
        self.core().is_closed
    }

    /// Sends what it can, and stops. Later events get no number.
    fn close(&mut self) {
        if !self.core().is_closed {
            self.page_event(PageEvent::Left);
            self.core_mut().is_closed = true;
        }
    }
}
