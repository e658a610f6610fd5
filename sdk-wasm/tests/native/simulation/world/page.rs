//! A page's client: the one that it begins with, or the whole one that took over.

use lamplight_sdk::client::{Client, Track, Tracked};
use lamplight_sdk::notes::Note;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::{Answer, Page};
use lamplight_wire::Producer;

use super::{Event, World};
use crate::simulation::ports::TabPorts;
use crate::simulation::storage::Tab;

pub(super) enum PageClient {
    First(Box<Client<TabPorts, false>>, TabPorts, Options),
    Whole(Box<Client<TabPorts>>),
}

/// Does the same with either.
macro_rules! either {
    ($page:expr, $client:ident => $act:expr) => {
        match $page {
            PageClient::First($client, ..) => $act,
            PageClient::Whole($client) => $act,
        }
    };
}

impl PageClient {
    pub(super) fn first(ports: TabPorts, options: Options) -> Self {
        let client = Client::new(ports.clone(), options.clone());
        Self::First(Box::new(client), ports, options)
    }

    pub(super) fn whole(ports: TabPorts, options: Options) -> Self {
        Self::Whole(Box::new(Client::new(ports, options)))
    }

    /// Has a whole client take over. Says whether there is one now.
    pub(super) fn grow(&mut self) -> bool {
        if let Self::First(client, ports, options) = self {
            let Some(state) = client.hand_over() else { return false };
            assert!(client.next_wake_ms().is_none(), "what has handed over wants to be woken");
            let whole = Client::take_over(ports.clone(), options.clone(), &state);
            assert_eq!(whole.producer(), client.producer());
            *self = Self::Whole(Box::new(whole));
        }
        true
    }

    pub(super) fn producer(&self) -> Producer {
        either!(self, client => client.producer())
    }

    pub(super) fn track(&mut self, event: &Track<'_>) -> Tracked {
        either!(self, client => client.track(event))
    }

    pub(super) fn page(&mut self, page: Page) {
        either!(self, client => client.page(page));
    }

    pub(super) const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
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

    pub(super) fn woke(&mut self) {
        either!(self, client => client.woke());
    }

    pub(super) fn answered(&mut self, request: u32, answer: &Answer) {
        either!(self, client => client.answered(request, answer));
    }

    pub(super) fn next_wake_ms(&mut self) -> Option<u64> {
        either!(self, client => client.next_wake_ms())
    }

    pub(super) fn take_notes(&mut self) -> Vec<Note> {
        either!(self, client => client.take_notes())
    }

    pub(super) fn worked(&mut self, id: u32, told: Option<&str>) {
        if let Self::Whole(client) = self {
            client.worked(id, told);
        }
    }

    pub(super) fn alive(&mut self, alive: &[Producer]) {
        if let Self::Whole(client) = self {
            client.alive(alive);
        }
    }

    pub(super) fn holds_lease(&self) -> bool {
        matches!(self, Self::Whole(client) if client.holds_lease())
    }
}

impl World {
    /// What a page asked for comes after a while, or not at all.
    pub(super) fn fetch_growth(&mut self) {
        let grows = std::mem::take(&mut self.shared.borrow_mut().grows);
        for tab in grows {
            let is_lost = self.is_wild && self.chance(|chance| chance.percent(20));
            let ms = self.chance(|chance| chance.between(1, 4_000));
            if !is_lost {
                self.after(ms, Event::Grow(tab));
            }
        }
    }

    pub(super) fn grow(&mut self, tab: Tab) {
        let Some(slot) = self.slots.get_mut(&tab) else { return };
        if slot.client.grow() {
            self.verdict.grown += 1;
        } else {
            self.after(20, Event::Grow(tab));
        }
    }
}
