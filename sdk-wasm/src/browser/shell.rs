//! Drives the client, and sets its timer.

use std::cell::{Cell, RefCell};

use super::{Browser, host};
use crate::client::Client;
use crate::ports::Clock;

/// The longest time that the timer is asked for, in milliseconds.
const TIMER_MS_MAX: u64 = 60_000;

/// Whether this is the build that has everything, not the one that a page begins with.
const IS_WHOLE: bool = cfg!(feature = "whole");

/// A client in its page. It is never freed: it lives as long as the page does, or else its
/// module is given up with it.
#[derive(Debug)]
pub struct Shell {
    host: u32,
    client: RefCell<Client<Browser, IS_WHOLE>>,
    /// What the timer was last set for, until it fires; then `u64::MAX`.
    armed_ms: Cell<u64>,
}

impl Shell {
    /// Drives `client`, whose ports are on the host with this number.
    pub fn start(host: u32, client: Client<Browser, IS_WHOLE>) -> &'static Self {
        let shell = Box::leak(Box::new(Self {
            host,
            client: RefCell::new(client),
            armed_ms: Cell::new(u64::MAX),
        }));
        shell.with(|_| {});
        shell
    }

    /// Does something with the client, then what follows from it. `None` when the client is busy, because a web API
    /// that it was just calling has been replaced by one that calls back.
    pub fn with<R>(&self, act: impl FnOnce(&mut Client<Browser, IS_WHOLE>) -> R) -> Option<R> {
        let mut client = self.client.try_borrow_mut().ok()?;
        let result = act(&mut client);
        self.follow_up(&mut client);
        Some(result)
    }

    /// The timer fired.
    pub fn woke(&self) {
        self.armed_ms.set(u64::MAX);
        self.with(Client::woke);
    }

    /// Tells what is to be told, and sets the timer.
    #[inline(never)]
    fn follow_up(&self, client: &mut Client<Browser, IS_WHOLE>) {
        for note in client.take_notes() {
            host::note(self.host, note.name(), &note.to_json());
        }
        let Some(due_ms) = client.next_wake_ms() else { return };
        // Asked for already, and it has not fired.
        if self.armed_ms.replace(due_ms) == due_ms {
            return;
        }
        let wait_ms = due_ms.saturating_sub(client.ports().monotonic_ms()).min(TIMER_MS_MAX);
        host::wake(self.host, u32::try_from(wait_ms).unwrap_or(0));
    }
}
