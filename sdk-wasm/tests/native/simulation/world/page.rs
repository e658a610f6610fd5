//! A page's client: the first client, or the full one that took over.

use lamplight_sdk::client::{Client, FirstClient, FullClient, NewEvent, Tracked};
use lamplight_sdk::notes::Note;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::{PageEvent, Response};
use lamplight_wire::Producer;

use super::{Event, World};
use crate::simulation::ports::TabPorts;
use crate::simulation::storage::Tab;

pub(super) enum PageClient {
    First(Box<FirstClient<TabPorts>>, TabPorts, Options),
    Full(Box<FullClient<TabPorts>>),
}

/// Calls the same method on either client.
macro_rules! either {
    ($page:expr, $client:ident => $act:expr) => {
        match $page {
            PageClient::First($client, ..) => $act,
            PageClient::Full($client) => $act,
        }
    };
}

impl PageClient {
    pub(super) fn first(ports: TabPorts, options: Options) -> Self {
        let client = FirstClient::new(ports.clone(), options.clone());
        Self::First(Box::new(client), ports, options)
    }

    pub(super) fn full(ports: TabPorts, options: Options) -> Self {
        Self::Full(Box::new(FullClient::new(ports, options)))
    }

    /// Makes a full client take over. Returns whether there is one now.
    pub(super) fn take_over(&mut self) -> bool {
        if let Self::First(client, ports, options) = self {
            let Some(state) = client.hand_over() else { return false };
            assert!(
                client.next_wake_ms().is_none(),
                "a client that handed over still sets a timer"
            );
            let full = FullClient::take_over(ports.clone(), options.clone(), &state);
            assert_eq!(full.producer(), client.producer());
            *self = Self::Full(Box::new(full));
        }
        true
    }

    pub(super) fn producer(&self) -> Producer {
        either!(self, client => client.producer())
    }

    pub(super) fn track(&mut self, event: &NewEvent<'_>) -> Tracked {
        either!(self, client => client.track(event))
    }

    pub(super) fn page_event(&mut self, event: PageEvent) {
        either!(self, client => client.page_event(event));
    }

    pub(super) const fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    pub(super) fn is_withdrawn(&self) -> bool {
        either!(self, client => client.is_withdrawn())
    }

    pub(super) fn withdraw(&mut self, forgets: bool) {
        either!(self, client => client.withdraw(forgets));
    }

    pub(super) fn consent(&mut self) {
        either!(self, client => client.consent());
    }

    pub(super) fn timer_fired(&mut self) {
        either!(self, client => client.timer_fired());
    }

    pub(super) fn answered(&mut self, request: u32, response: &Response) {
        either!(self, client => client.answered(request, response));
    }

    pub(super) fn counters(&self) -> [u64; 13] {
        either!(self, client => client.counters())
    }

    pub(super) fn next_wake_ms(&mut self) -> Option<u64> {
        either!(self, client => client.next_wake_ms())
    }

    pub(super) fn take_notes(&mut self) -> Vec<Note> {
        either!(self, client => client.take_notes())
    }

    pub(super) fn overflow_done(&mut self, id: u32, result: Option<&str>) {
        if let Self::Full(client) = self {
            client.overflow_done(id, result);
        }
    }

    pub(super) fn set_live_producers(&mut self, alive: &[Producer]) {
        if let Self::Full(client) = self {
            client.set_live_producers(alive);
        }
    }

    pub(super) fn holds_lease(&self) -> bool {
        matches!(self, Self::Full(client) if client.holds_lease())
    }
}

impl World {
    /// Delivers requested full clients after a while, or not at all.
    pub(super) fn deliver_full_clients(&mut self) {
        let full_client_requests =
            std::mem::take(&mut self.shared.borrow_mut().full_client_requests);
        for tab in full_client_requests {
            let is_lost = self.in_fault_phase && self.random(|random| random.percent(20));
            let ms = self.random(|random| random.between(1, 4_000));
            if !is_lost {
                self.after(ms, Event::FullClientReady(tab));
            }
        }
    }

    pub(super) fn take_over(&mut self, tab: Tab) {
        let Some(open_tab) = self.open_tabs.get_mut(&tab) else { return };
        if open_tab.client.take_over() {
            self.report.full_clients += 1;
        } else {
            self.after(20, Event::FullClientReady(tab));
        }
    }
}
