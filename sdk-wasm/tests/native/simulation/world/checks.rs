//! The end of a run: recovery, and checking the invariants.

use std::collections::BTreeSet;

use lamplight_wire::Producer;

use super::{OpenTab, World};
use crate::simulation::ports::event_of;
use crate::simulation::report::RunReport;
use crate::simulation::server::ServerMode;
use crate::simulation::storage::Tab;

impl World {
    /// Ends all faults and leaves a single tab: a new one, or one that survived everything.
    pub(super) fn end_faults(&mut self) {
        self.in_fault_phase = false;
        self.server_mode = ServerMode::Healthy;
        self.shared.borrow_mut().storage.slow = false;
        self.shared.borrow_mut().accesses_left.clear();
        self.shared.borrow_mut().database.is_broken = self.setup.no_database;
        self.shared.borrow_mut().storage.quota = self.setup.quota;
        let is_awake = |open_tab: &OpenTab| {
            !open_tab.is_frozen && open_tab.paused_until_ms == 0 && !open_tab.is_blocked
        };
        let survivor =
            self.open_tabs.iter().find(|(_, open_tab)| is_awake(open_tab)).map(|(tab, _)| *tab);
        let keeps = self.setup.reliable || self.random(|random| random.percent(40));
        let tabs: Vec<Tab> = self.open_tabs.keys().copied().collect();
        for tab in tabs {
            let is_frozen =
                self.setup.freezes_holder && self.open_tabs[&tab].paused_until_ms > 300_000;
            let stays = self.setup.reliable || is_frozen || (keeps && Some(tab) == survivor);
            if !stays {
                self.crash(tab);
            }
        }
        // A page without consent sends nothing for others, even when another page has consent.
        let is_page = |open_tab: &OpenTab| {
            !open_tab.is_blocked && open_tab.paused_until_ms == 0 && !open_tab.is_denied
        };
        if !self.open_tabs.values().any(is_page) {
            self.open();
        }
    }

    pub(super) fn has_events_left(&self) -> bool {
        let shared = self.shared.borrow();
        let is_event = |key: &String| {
            ["sim:q:", "sim:b:", "sim:p:"].iter().any(|start| key.starts_with(start))
        };
        !shared.database.blocks.is_empty() || shared.storage.converged().keys().any(is_event)
    }

    /// How many requests it takes to send everything that is left: a hundred events each, one for
    /// each block, and one for each producer.
    pub(super) fn requests_needed(&self) -> u64 {
        let shared = self.shared.borrow();
        let count = |start: &str| {
            shared.storage.converged().keys().filter(|key| key.starts_with(start)).count() as u64
        };
        let queued: u64 =
            self.open_tabs.values().map(|tab| tab.client.counters()[1] / 100 + 2).sum();
        let blocks = shared.database.blocks.len() as u64 + count("sim:b:");
        queued + count("sim:q:") / 100 + blocks + count("sim:p:")
    }

    /// Everything arrives in time and with few requests after faults have ended.
    pub(super) fn check_recovery(&mut self, requests_needed: u64) {
        let (ms, ms_max) = (self.report.recovery_ms, self.setup.recovery_ms_max());
        if ms > ms_max {
            self.report.violations.push(format!("it took {ms} ms, more than {ms_max}, to recover"));
        }
        // A rejected event is searched for by halving. Otherwise, twice as many as needed, and a
        // few that fail.
        let (requests, requests_max) = (self.report.recovery_requests, 2 * requests_needed + 5);
        if requests > requests_max && !self.setup.rejections {
            let violation = format!("it took {requests} requests, more than {requests_max}");
            self.report.violations.push(violation);
        }
    }

    pub(super) fn check(mut self) -> RunReport {
        let shared = &mut *self.shared.borrow_mut();
        let report = &mut self.report;
        report.violations.append(&mut shared.violations);
        let ledger = &shared.ledger;
        let alive: BTreeSet<Producer> =
            self.open_tabs.values().map(|open_tab| open_tab.client.producer()).collect();
        for (producer, seq) in &self.promised {
            let is_accepted = ledger.accepted.contains_key(&(*producer, *seq));
            let was_reverted = shared.storage.reverted.contains(&format!("sim:q:{producer}:{seq}"));
            let was_in_block = shared.database.ever_held.contains(&(*producer, *seq));
            let is_withdrawn = shared.withdrawn.contains(&(*producer, *seq));
            if !is_accepted && is_withdrawn {
                report.withdrawn += 1;
                // The tab that dropped it may have died before it declared it.
                if self.setup.reliable && !ledger.knows((*producer, *seq)) {
                    report
                        .violations
                        .push(format!("{producer}-{seq} was withdrawn and never declared"));
                }
            } else if !is_accepted && !was_in_block && was_reverted && !alive.contains(producer) {
                report.reverted += 1;
            } else if !is_accepted {
                report
                    .violations
                    .push(format!("{producer}-{seq} was stored and was never accepted"));
            }
        }
        for (producer, seq) in &shared.database.ever_held {
            if !shared.is_settled((*producer, *seq)) {
                report
                    .violations
                    .push(format!("{producer}-{seq} was in a block and never accepted"));
            }
        }
        for name in shared.database.blocks.keys() {
            report.violations.push(format!("the block {name} is still in the overflow"));
        }
        report.overflowed = shared.database.ever_held.len() as u64;
        report.written = shared.storage.written;
        report.compacted = shared.storage.compacted;
        for key in shared.storage.converged().keys() {
            if let Some((producer, seq)) = event_of(key) {
                report.violations.push(format!("{producer}-{seq} is still in storage"));
            } else if key.starts_with("sim:b:") {
                report.violations.push(format!("the block {key} is still in storage"));
            } else if key.starts_with("sim:p:") {
                report.violations.push(format!("the heartbeat {key} is still in storage"));
            }
        }
        report.promised = self.promised.len() as u64;
        report.accepted = ledger.accepted.len() as u64;
        report.adopted = shared.adopted.len() as u64;
        report.rejected = self.rejected_events.intersection(&ledger.declared).count() as u64;
        report.told_arrived = ledger.told_arrived;
        report.needless = ledger.needless;
        report.duplicates = ledger.accepted.values().map(|times| times - 1).sum();
        self.report
    }
}
