//! People who change their minds: consent is withdrawn, and given again.

use super::{WILD_MS, World};
use crate::simulation::ports::WITHDRAWN;
use crate::simulation::storage::{DELAY_MS_MAX, Tab};

impl World {
    pub(super) fn plan_withdrawal(&mut self, tab: Tab) {
        let (withdraws, consents) = self.chance(|chance| (chance.percent(30), chance.percent(60)));
        let ms = self.chance(|chance| chance.between(100, WILD_MS / 2));
        let more_ms = self.chance(|chance| chance.between(10, WILD_MS / 4));
        if withdraws {
            self.after(ms, super::Event::Withdraw(tab));
        }
        if consents {
            self.after(ms + more_ms, super::Event::Consent(tab));
        }
    }

    /// A page that starts where consent was withdrawn before does what the page before it did.
    pub(super) fn heed(&mut self, tab: Tab) {
        if self.slots.get(&tab).is_some_and(|slot| slot.client.is_withdrawn()) {
            self.give_up(tab, false);
        }
    }

    pub(super) fn withdraw(&mut self, tab: Tab) {
        let forgets = self.chance(|chance| chance.percent(50));
        self.give_up(tab, forgets);
    }

    fn give_up(&mut self, tab: Tab, forgets: bool) {
        self.heed_from_now();
        let Some(slot) = self.slots.get_mut(&tab) else { return };
        slot.is_denied = true;
        slot.client.withdraw(forgets);
        let is_whole = slot.client.is_whole();
        let shared = &mut *self.shared.borrow_mut();
        if !is_whole || slot.is_blocked || shared.dead.contains(&tab) {
            return;
        }
        let is_event = |key: &&String| key.starts_with("sim:q:") || key.starts_with("sim:b:");
        if let Some(key) = shared.storage.keys(tab).iter().find(is_event) {
            shared.faults.push(format!("{key} is there after consent was withdrawn"));
        }
    }

    pub(super) fn consent(&mut self, tab: Tab) {
        let Some(slot) = self.slots.get_mut(&tab) else { return };
        slot.client.consent();
        slot.is_denied = false;
    }

    /// While storage says that consent is withdrawn, and for as long as some tab may read that there, nothing has to become
    /// of what was made.
    pub(super) fn note_withdrawal(&mut self) {
        if self.shared.borrow().storage.truth().contains_key(WITHDRAWN) {
            self.heed_from_now();
        }
        if self.now_ms() < self.heeded_until_ms {
            self.shared.borrow_mut().withdrawn.extend(self.consented.drain(..));
        }
    }

    fn heed_from_now(&mut self) {
        self.heeded_until_ms = self.now_ms() + 3 * DELAY_MS_MAX;
        self.shared.borrow_mut().withdrawn.extend(self.consented.drain(..));
    }
}
