//! What follows from a task: requests on their way, answers, timers, notes.

use lamplight_sdk::notes::Note;

use super::{Event, World};
use crate::simulation::storage::Tab;

impl World {
    /// Carries out what tasks left behind.
    pub(super) fn follow_up(&mut self) {
        self.note_withdrawal();
        let dead: Vec<Tab> = self.shared.borrow().dead.iter().copied().collect();
        for tab in dead {
            self.crash(tab);
        }
        let posted = std::mem::take(&mut self.shared.borrow_mut().posted);
        for posted in posted {
            let ms = self.chance(|chance| chance.between(5, 200));
            self.verdict.requests += 1;
            self.after(ms, Event::Arrive(posted));
        }
        let early = std::mem::take(&mut self.shared.borrow_mut().early);
        for (tab, request, answer) in early {
            self.after(1, Event::Answer(tab, request, answer));
        }
        let asked = std::mem::take(&mut self.shared.borrow_mut().asked);
        for asked in asked {
            let ms = self.chance(|chance| match chance.between(0, 20) {
                0 => chance.between(100, 3_000),
                _ => chance.between(1, 40),
            });
            self.after(ms, Event::Work(asked));
        }
        let early_words = std::mem::take(&mut self.shared.borrow_mut().early_words);
        for (tab, id) in early_words {
            self.after(0, Event::Worked(tab, id, Some(String::new())));
        }
        let looks = std::mem::take(&mut self.shared.borrow_mut().looks);
        for tab in looks {
            let ms = self.chance(|chance| chance.between(1, 20));
            self.after(ms, Event::Listed(tab));
        }
        self.fetch_growth();
        let due_ms = self.shared.borrow().storage.due_ms();
        if due_ms < self.settle_ms.or(Some(u64::MAX)) && due_ms.is_some() {
            self.settle_ms = due_ms;
            let ms = due_ms.unwrap_or(0).saturating_sub(self.now_ms());
            self.after(ms, Event::Settle);
        }
        let tabs: Vec<Tab> = self.slots.keys().copied().collect();
        for tab in tabs {
            self.arm(tab);
            self.hear(tab);
        }
    }

    fn arm(&mut self, tab: Tab) {
        let skew_ms = Self::skew_ms(tab) % 977;
        let lag_ms = self.chance(|chance| match chance.between(0, 100) {
            0..3 => chance.between(50, 1_500),
            _ => chance.between(0, 6),
        });
        let now_ms = self.now_ms();
        let Some(slot) = self.slots.get_mut(&tab) else { return };
        let Some(due_ms) = slot.client.next_wake_ms() else { return };
        let at_ms = due_ms.saturating_sub(skew_ms).max(now_ms);
        if slot.wake_ms.is_none_or(|wake_ms| wake_ms > at_ms) {
            slot.wake_ms = Some(at_ms);
            let ms = at_ms - now_ms + if self.setup.calm { 0 } else { lag_ms };
            self.after(ms, Event::Wake(tab));
        }
    }

    fn hear(&mut self, tab: Tab) {
        let Some(slot) = self.slots.get_mut(&tab) else { return };
        for note in slot.client.take_notes() {
            let (producer, seqs, is_adopted) = match note {
                Note::Adopted { producer, seqs } => (producer, seqs, true),
                Note::Delivered { producer, seqs } => (producer, seqs, false),
                Note::Withdrawn => {
                    slot.is_denied = true;
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
