//! What happens to a tab, from opening to closing.

use std::collections::BTreeMap;
use std::rc::Rc;

use lamplight_sdk::client::{NewEvent, TrackOutcome};
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::PageEvent;

use super::accounting::Account;
use super::{Event, FAULT_PHASE_MS, OpenTab, PageClient, World};
use crate::simulation::overflow::OverflowRequest;
use crate::simulation::ports::{Mutant, SentRequest, Shared, TabPorts};
use crate::simulation::server::REJECTED_NAME;
use crate::simulation::storage::Tab;

impl World {
    pub(super) fn open(&mut self) -> Tab {
        self.last_tab += 1;
        let tab = self.last_tab;
        self.shared.borrow_mut().storage.open(tab);
        let is_blocked =
            self.setup.workers && self.in_fault_phase && self.random(|random| random.percent(40));
        let ports = TabPorts {
            tab,
            is_blocked,
            mutant: self.setup.mutant,
            liveness: self.setup.liveness,
            skew_ms: Self::skew_ms(tab),
            outliving: BTreeMap::new(),
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
        // Some pages have the full client from the start, in the browser's cache.
        let is_full = self.random(|random| random.percent(30));
        let open_tab = OpenTab {
            client: match is_full {
                true => PageClient::full(ports, options),
                false => PageClient::first(ports, options),
            },
            paused_until_ms: 0,
            wake: None,
            is_frozen: false,
            is_blocked,
            is_denied: false,
            account: Account::default(),
        };
        self.open_tabs.insert(tab, open_tab);
        self.apply_earlier_withdrawal(tab);
        if self.in_fault_phase {
            self.plan(tab);
        }
        self.apply_effects();
        tab
    }

    /// Schedules what happens to a new tab.
    pub(super) fn plan(&mut self, tab: Tab) {
        if self.setup.leaves_at_once {
            // The request of the last events and its answer outlive the page.
            self.after(10, Event::Track(tab));
            self.after(10, Event::Page(tab, PageEvent::Left));
            self.after(11, Event::Crash(tab));
            return;
        }
        if self.setup.short_visits {
            self.after(10, Event::Track(tab));
            let ms = self.random(|random| random.between(1_000, 6_000));
            self.after(ms, Event::Page(tab, PageEvent::Left));
            self.after(ms + 1, Event::Crash(tab));
            return;
        }
        let often = if self.setup.outage { 40 } else { 12 };
        for _ in 0..self.random(|random| random.between(1, often)) {
            let ms = self.random(|random| random.between(0, FAULT_PHASE_MS));
            self.after(ms, Event::Track(tab));
        }
        if self.setup.withdraws {
            self.plan_withdrawal(tab);
        }
        if self.setup.reliable {
            return;
        }
        let ms = self.random(|random| random.between(100, FAULT_PHASE_MS));
        let more_ms = self.random(|random| random.between(10, 10_000));
        match self.random(|random| random.between(0, 8)) {
            0 => self.after(ms, Event::Crash(tab)),
            1 => self.after(ms, Event::CrashSoon(tab)),
            2 => self.after(ms, Event::Pause(tab)),
            3 => {
                self.after(ms, Event::Page(tab, PageEvent::Hidden));
                self.after(ms + more_ms, Event::Page(tab, PageEvent::Visible));
            }
            4 => {
                self.after(ms, Event::Page(tab, PageEvent::Frozen));
                self.after(ms + more_ms, Event::Page(tab, PageEvent::Back));
            }
            5 => {
                self.after(ms, Event::Page(tab, PageEvent::Left));
                self.after(ms + more_ms, Event::Page(tab, PageEvent::Back));
            }
            6 => {
                self.after(ms, Event::Page(tab, PageEvent::Left));
                self.after(ms + 1, Event::Crash(tab));
            }
            _ => self.after(ms, Event::Page(tab, PageEvent::Online)),
        }
    }

    pub(super) fn track(&mut self, tab: Tab) {
        for _ in 0..self.random(|random| random.between(1, 60)) {
            let is_rejected = self.setup.rejections && self.random(|random| random.percent(2));
            // No server accepts an empty name, and every sent event is checked against the
            // contract.
            let is_unnamed = self.promised.len().is_multiple_of(13);
            let name = match is_rejected {
                true => REJECTED_NAME,
                false if is_unnamed => "",
                false => "clicked",
            };
            let Some(open_tab) =
                self.open_tabs.get_mut(&tab).filter(|open_tab| !open_tab.is_denied)
            else {
                return;
            };
            let event =
                NewEvent { name, properties_json: "{\"a\":[1,2,3]}", ..NewEvent::default() };
            let tracked = open_tab.client.track(&event);
            let id = (open_tab.client.producer(), tracked.seq);
            if self.shared.borrow().dead.contains(&tab) {
                // The call did not return, so nothing was promised.
                return;
            }
            self.consented.push(id);
            if is_rejected {
                self.rejected_events.insert(id);
            } else if tracked.outcome == TrackOutcome::Stored {
                self.promised.insert(id);
            } else {
                self.report.unstored += 1;
            }
        }
    }

    /// Runs a requested operation. A killed tab's operation may still run.
    pub(super) fn run_overflow_request(&mut self, request: OverflowRequest) {
        let OverflowRequest { tab, id, operation } = request;
        if !self.open_tabs.contains_key(&tab) && self.random(|random| random.percent(50)) {
            return;
        }
        let result = self.shared.borrow_mut().transact(&operation);
        let ms = self.random(|random| random.between(1, 20));
        self.after(ms, Event::OverflowDone(tab, id, result));
    }

    /// Freezes the lease holder for ten minutes, or the first tab if there is none.
    pub(super) fn freeze_holder(&mut self) {
        if !self.setup.freezes_holder {
            return;
        }
        let holder = self.open_tabs.iter().find(|(_, open_tab)| open_tab.client.holds_lease());
        let frozen = holder.or_else(|| self.open_tabs.iter().next()).map(|(tab, _)| *tab);
        let until_ms = self.now_ms() + 600_000;
        if let Some(open_tab) = frozen.and_then(|tab| self.open_tabs.get_mut(&tab)) {
            open_tab.paused_until_ms = until_ms;
        }
    }

    pub(super) fn deliver_request(&mut self, sent: SentRequest) {
        let is_cut_off = !self.open_tabs.contains_key(&sent.tab) && !sent.keepalive;
        if is_cut_off && self.random(|random| random.percent(50)) {
            return;
        }
        let server_mode = self.server_mode;
        let response = {
            let Shared { ledger, random, .. } = &mut *self.shared.borrow_mut();
            ledger.take(server_mode, random, &sent.body)
        };
        if let Some(response) = response.filter(|_| self.setup.mutant != Mutant::EarlyAccept) {
            let ms = self.random(|random| random.between(5, 200));
            self.after(ms, Event::Response(sent.tab, sent.request, response));
        }
    }

    pub(super) fn crash(&mut self, tab: Tab) {
        let Shared { storage, locks_held, dead, accesses_left, .. } =
            &mut *self.shared.borrow_mut();
        storage.close(tab);
        locks_held.remove(&tab);
        dead.remove(&tab);
        accesses_left.remove(&tab);
        self.open_tabs.remove(&tab);
    }

    pub(super) fn skew_ms(tab: Tab) -> u64 {
        (tab as u64).wrapping_mul(7_919) % 100_000
    }
}
