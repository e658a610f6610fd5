//! What becomes of a tab, from its opening to its end.

use std::rc::Rc;

use lamplight_sdk::client::{Outcome, Track};
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::Page;

use super::{Event, PageClient, Slot, WILD_MS, World};
use crate::simulation::overflow::Asked;
use crate::simulation::ports::{Mutant, Posted, Shared, TabPorts};
use crate::simulation::server::POISON;
use crate::simulation::storage::Tab;

impl World {
    pub(super) fn open(&mut self) -> Tab {
        self.last_tab += 1;
        let tab = self.last_tab;
        self.shared.borrow_mut().storage.open(tab);
        let is_blocked =
            self.setup.workers && self.is_wild && self.chance(|chance| chance.percent(40));
        let ports = TabPorts {
            tab,
            is_blocked,
            mutant: self.setup.mutant,
            liveness: self.setup.liveness,
            skew_ms: Self::skew_ms(tab),
            shared: Rc::clone(&self.shared),
        };
        let options = Options {
            namespace: "sim".into(),
            liveness: self.setup.liveness,
            adopt_after_ms: self.setup.adopt_after_ms,
            storage_bytes_max: self.setup.share,
            memory_bytes_max: 20_000,
            ..Options::default()
        };
        // Some have what they need from the start, from the browser's cache.
        let is_whole = self.chance(|chance| chance.percent(30));
        let slot = Slot {
            client: match is_whole {
                true => PageClient::whole(ports, options),
                false => PageClient::first(ports, options),
            },
            paused_until_ms: 0,
            wake_ms: None,
            is_frozen: false,
            is_blocked,
            is_denied: false,
        };
        self.slots.insert(tab, slot);
        self.heed(tab);
        if self.is_wild {
            self.plan(tab);
        }
        self.follow_up();
        tab
    }

    /// What will become of a new tab.
    pub(super) fn plan(&mut self, tab: Tab) {
        if self.setup.brief {
            self.after(10, Event::Track(tab));
            let ms = self.chance(|chance| chance.between(1_000, 6_000));
            self.after(ms, Event::Page(tab, Page::Left));
            self.after(ms + 1, Event::Crash(tab));
            return;
        }
        let often = if self.setup.outage { 40 } else { 12 };
        for _ in 0..self.chance(|chance| chance.between(1, often)) {
            let ms = self.chance(|chance| chance.between(0, WILD_MS));
            self.after(ms, Event::Track(tab));
        }
        if self.setup.withdraws {
            self.plan_withdrawal(tab);
        }
        if self.setup.calm {
            return;
        }
        let ms = self.chance(|chance| chance.between(100, WILD_MS));
        let more_ms = self.chance(|chance| chance.between(10, 10_000));
        match self.chance(|chance| chance.between(0, 8)) {
            0 => self.after(ms, Event::Crash(tab)),
            1 => self.after(ms, Event::CrashSoon(tab)),
            2 => self.after(ms, Event::Pause(tab)),
            3 => {
                self.after(ms, Event::Page(tab, Page::Hidden));
                self.after(ms + more_ms, Event::Page(tab, Page::Visible));
            }
            4 => {
                self.after(ms, Event::Page(tab, Page::Frozen));
                self.after(ms + more_ms, Event::Page(tab, Page::Back));
            }
            5 => {
                self.after(ms, Event::Page(tab, Page::Left));
                self.after(ms + more_ms, Event::Page(tab, Page::Back));
            }
            6 => {
                self.after(ms, Event::Page(tab, Page::Left));
                self.after(ms + 1, Event::Crash(tab));
            }
            _ => self.after(ms, Event::Page(tab, Page::Online)),
        }
    }

    pub(super) fn track(&mut self, tab: Tab) {
        for _ in 0..self.chance(|chance| chance.between(1, 60)) {
            let is_poison = self.setup.poison && self.chance(|chance| chance.percent(2));
            // No server takes an empty name; what is sent is held against the contract.
            let is_unnamed = self.promised.len().is_multiple_of(13);
            let name = match is_poison {
                true => POISON,
                false if is_unnamed => "",
                false => "clicked",
            };
            let Some(slot) = self.slots.get_mut(&tab).filter(|slot| !slot.is_denied) else {
                return;
            };
            let event = Track { name, properties_json: "{\"a\":[1,2,3]}", ..Track::default() };
            let tracked = slot.client.track(&event);
            let id = (slot.client.producer(), tracked.seq);
            if self.shared.borrow().dead.contains(&tab) {
                // The call did not return: nothing was promised.
                return;
            }
            self.consented.push(id);
            if is_poison {
                self.poisoned.insert(id);
            } else if tracked.outcome == Outcome::Stored {
                self.promised.insert(id);
            } else {
                self.verdict.unstored += 1;
            }
        }
    }

    /// The database does what a tab asked for. What a killed tab had handed over may still be done.
    pub(super) fn work(&mut self, asked: Asked) {
        let Asked { tab, id, work } = asked;
        if !self.slots.contains_key(&tab) && self.chance(|chance| chance.percent(50)) {
            return;
        }
        let told = self.shared.borrow_mut().transact(&work);
        let ms = self.chance(|chance| chance.between(1, 20));
        self.after(ms, Event::Worked(tab, id, told));
    }

    /// Freezes whoever holds the lease for ten minutes, or whoever is first.
    pub(super) fn freeze_holder(&mut self) {
        if !self.setup.frozen {
            return;
        }
        let holder = self.slots.iter().find(|(_, slot)| slot.client.holds_lease());
        let frozen = holder.or_else(|| self.slots.iter().next()).map(|(tab, _)| *tab);
        let until_ms = self.now_ms() + 600_000;
        if let Some(slot) = frozen.and_then(|tab| self.slots.get_mut(&tab)) {
            slot.paused_until_ms = until_ms;
        }
    }

    pub(super) fn arrive(&mut self, posted: Posted) {
        let is_cut_off = !self.slots.contains_key(&posted.tab) && !posted.keepalive;
        if is_cut_off && self.chance(|chance| chance.percent(50)) {
            return;
        }
        let mood = self.mood;
        let answer = {
            let Shared { ledger, chance, .. } = &mut *self.shared.borrow_mut();
            ledger.take(mood, chance, &posted.body)
        };
        if let Some(answer) = answer.filter(|_| self.setup.mutant != Mutant::EarlyAnswer) {
            let ms = self.chance(|chance| chance.between(5, 200));
            self.after(ms, Event::Answer(posted.tab, posted.request, answer));
        }
    }

    pub(super) fn crash(&mut self, tab: Tab) {
        let Shared { storage, held, dead, accesses_left, .. } = &mut *self.shared.borrow_mut();
        storage.close(tab);
        held.remove(&tab);
        dead.remove(&tab);
        accesses_left.remove(&tab);
        self.slots.remove(&tab);
    }

    pub(super) fn skew_ms(tab: Tab) -> u64 {
        (tab as u64).wrapping_mul(7_919) % 100_000
    }
}
