//! The effects of a task: requests, responses, timers and notes.

use lamplight_sdk::notes::Note;

use super::{Event, World};
use crate::simulation::storage::Tab;

impl World {
    /// Applies what tasks asked of their ports.
    pub(super) fn apply_effects(&mut self) {
        self.note_withdrawal();
        let dead: Vec<Tab> = self.shared.borrow().dead.iter().copied().collect();
        for tab in dead {
            self.crash(tab);
        }
        let requests = std::mem::take(&mut self.shared.borrow_mut().sent);
        for request in requests {
            let ms = self.random(|random| random.between(5, 200));
            self.report.requests += 1;
            self.after(ms, Event::RequestArrives(request));
        }
        let early_responses = std::mem::take(&mut self.shared.borrow_mut().early_responses);
        for (tab, request, response) in early_responses {
            self.after(1, Event::Response(tab, request, response));
        }
        let overflow_requests = std::mem::take(&mut self.shared.borrow_mut().overflow_requests);
        for request in overflow_requests {
            let ms = self.random(|random| match random.between(0, 20) {
                0 => random.between(100, 3_000),
                _ => random.between(1, 40),
            });
            self.after(ms, Event::OverflowRequest(request));
        }
        let early_overflow_done = std::mem::take(&mut self.shared.borrow_mut().early_overflow_done);
        for (tab, id) in early_overflow_done {
            self.after(0, Event::OverflowDone(tab, id, Some(String::new())));
        }
        let lock_queries = std::mem::take(&mut self.shared.borrow_mut().lock_queries);
        for tab in lock_queries {
            let ms = self.random(|random| random.between(1, 20));
            self.after(ms, Event::LiveList(tab));
        }
        self.deliver_full_clients();
        let due_ms = self.shared.borrow().storage.due_ms();
        if due_ms < self.settle_ms.or(Some(u64::MAX)) && due_ms.is_some() {
            self.settle_ms = due_ms;
            let ms = due_ms.unwrap_or(0).saturating_sub(self.now_ms());
            self.after(ms, Event::StorageSettles);
        }
        let tabs: Vec<Tab> = self.open_tabs.keys().copied().collect();
        for tab in tabs {
            self.arm_timer(tab);
            self.collect_notes(tab);
        }
    }

    fn arm_timer(&mut self, tab: Tab) {
        let skew_ms = Self::skew_ms(tab) % 977;
        let lag_ms = self.random(|random| match random.between(0, 100) {
            0..3 => random.between(50, 1_500),
            _ => random.between(0, 6),
        });
        let now_ms = self.now_ms();
        let Some(open_tab) = self.open_tabs.get_mut(&tab) else { return };
        let Some(due_ms) = open_tab.client.next_wake_ms() else { return };
        let at_ms = due_ms.saturating_sub(skew_ms).max(now_ms);
        if open_tab.wake.is_none_or(|(wake_ms, _)| wake_ms > at_ms) {
            let timer = self.last_event + 1;
            open_tab.wake = Some((at_ms, timer));
            let ms = at_ms - now_ms + if self.setup.reliable { 0 } else { lag_ms };
            self.after(ms, Event::Wake(tab, timer));
        }
    }

    fn collect_notes(&mut self, tab: Tab) {
        let Some(open_tab) = self.open_tabs.get_mut(&tab) else { return };
        for note in open_tab.client.take_notes() {
            self.check_note(tab, &note);
            let (producer, seqs, is_adopted) = match note {
                Note::Adopted { producer, seqs } => (producer, seqs, true),
                Note::Delivered { producer, seqs } => (producer, seqs, false),
                Note::Withdrawn => {
                    if let Some(open_tab) = self.open_tabs.get_mut(&tab) {
                        open_tab.is_denied = true;
                    }
                    continue;
                }
                _ => continue,
            };
            let shared = &mut *self.shared.borrow_mut();
            for (from, to) in seqs.as_slice() {
                let ids = (*from..=*to).map(|seq| (producer, seq));
                shared.ledger.acknowledged.extend(ids.clone());
                if is_adopted {
                    shared.adopted.extend(ids);
                }
            }
        }
    }
}
