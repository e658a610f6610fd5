//! Users who withdraw consent and give it again.

use super::{FAULT_PHASE_MS, World};
use crate::simulation::ports::WITHDRAWN;
use crate::simulation::storage::{DELAY_MS_MAX, Tab};

impl World {
    pub(super) fn plan_withdrawal(&mut self, tab: Tab) {
        let (withdraws, consents) = self.random(|random| (random.percent(30), random.percent(60)));
        let ms = self.random(|random| random.between(100, FAULT_PHASE_MS / 2));
        let more_ms = self.random(|random| random.between(10, FAULT_PHASE_MS / 4));
        if withdraws {
            self.after(ms, super::Event::Withdraw(tab));
        }
        if consents {
            self.after(ms + more_ms, super::Event::Consent(tab));
        }
    }

    /// A page that starts after a withdrawal withdraws as well.
    pub(super) fn apply_earlier_withdrawal(&mut self, tab: Tab) {
        if self.open_tabs.get(&tab).is_some_and(|open_tab| open_tab.client.is_withdrawn()) {
            self.withdraw_in(tab, false);
        }
    }

    pub(super) fn withdraw(&mut self, tab: Tab) {
        let forgets = self.random(|random| random.percent(50));
        self.withdraw_in(tab, forgets);
    }

    fn withdraw_in(&mut self, tab: Tab, forgets: bool) {
        self.withdraw_from_now();
        let Some(open_tab) = self.open_tabs.get_mut(&tab) else { return };
        open_tab.is_denied = true;
        open_tab.client.withdraw(forgets);
        let is_full = open_tab.client.is_full();
        let shared = &mut *self.shared.borrow_mut();
        if !is_full || open_tab.is_blocked || shared.dead.contains(&tab) {
            return;
        }
        let is_event = |key: &&String| key.starts_with("sim:q:") || key.starts_with("sim:b:");
        if let Some(key) = shared.storage.keys(tab).iter().find(is_event) {
            shared
                .violations
                .push(format!("{key} is still in storage after consent was withdrawn"));
        }
    }

    pub(super) fn consent(&mut self, tab: Tab) {
        let Some(open_tab) = self.open_tabs.get_mut(&tab) else { return };
        open_tab.client.consent();
        open_tab.is_denied = false;
    }

    /// While storage records a withdrawal, and as long as a tab may still read it, no event needs
    /// to arrive.
    pub(super) fn note_withdrawal(&mut self) {
        if self.shared.borrow().storage.converged().contains_key(WITHDRAWN) {
            self.withdraw_from_now();
        }
        if self.now_ms() < self.withdrawal_visible_until_ms {
            self.shared.borrow_mut().withdrawn.extend(self.consented.drain(..));
        }
    }

    fn withdraw_from_now(&mut self) {
        self.withdrawal_visible_until_ms = self.now_ms() + 3 * DELAY_MS_MAX;
        self.shared.borrow_mut().withdrawn.extend(self.consented.drain(..));
    }
}
