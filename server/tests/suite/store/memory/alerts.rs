//! Alerts.

use std::collections::BTreeMap;

use lamplight_server::store::{
    AlertBook, AlertRound, Alerts, Answer, KeptNotice, NOTICES_MAX, NoticeAttempt, NoticeDelivery,
};

use super::events::MemoryEvents;
use super::tables::answer;

/// What is kept about alerts.
#[derive(Clone, Default)]
pub(super) struct AlertTables {
    book: AlertBook,
    notices: Vec<KeptNotice>,
    last_number: i64,
}

impl Alerts for MemoryEvents {
    fn book(&self) -> Answer<'_, AlertBook> {
        answer(self.tables.read(|tables| tables.alerts.book.clone()))
    }

    fn save(&self, round: AlertRound) -> Answer<'_, ()> {
        answer(self.tables.write(|tables| {
            let kept = &mut tables.alerts;
            kept.book.mark = Some(round.mark);
            for (key, phase) in round.changed {
                match phase {
                    Some(phase) => drop(kept.book.phases.insert(key, phase)),
                    None => drop(kept.book.phases.remove(&key)),
                }
            }
            for (notice, delivery) in round.notices {
                kept.last_number += 1;
                let due_ms = (delivery == NoticeDelivery::Queued).then_some(notice.at_ms);
                let number = kept.last_number;
                let (attempts, ended_ms, error) = (0, None, None);
                let said =
                    KeptNotice { number, notice, delivery, attempts, due_ms, ended_ms, error };
                kept.notices.push(said);
            }
            let oldest = kept.last_number - NOTICES_MAX;
            kept.notices.retain(|notice| notice.number > oldest);
            Ok(())
        }))
    }

    fn next_queued(&self) -> Answer<'_, Option<KeptNotice>> {
        answer(self.tables.read(|tables| {
            tables.alerts.notices.iter().find(|notice| notice.due_ms.is_some()).cloned()
        }))
    }

    fn settle(&self, number: i64, attempt: NoticeAttempt, now_ms: i64) -> Answer<'_, bool> {
        answer(self.tables.write(|tables| {
            let mut queued = tables.alerts.notices.iter_mut().filter(|it| it.due_ms.is_some());
            let Some(notice) = queued.find(|it| it.number == number) else { return Ok(false) };
            let (delivery, due_ms, error) = match attempt {
                NoticeAttempt::Sent => (NoticeDelivery::Sent, None, None),
                NoticeAttempt::Retry(due_ms, why) => {
                    (NoticeDelivery::Queued, Some(due_ms), Some(why))
                }
                NoticeAttempt::Failed(why) => (NoticeDelivery::Failed, None, Some(why)),
            };
            notice.attempts += u32::from(error.is_some());
            (notice.delivery, notice.due_ms, notice.error) = (delivery, due_ms, error);
            notice.ended_ms = due_ms.is_none().then_some(now_ms);
            Ok(true)
        }))
    }

    fn history(&self, limit: u32) -> Answer<'_, Vec<KeptNotice>> {
        answer(self.tables.read(|tables| {
            tables.alerts.notices.iter().rev().take(limit as usize).cloned().collect()
        }))
    }

    fn notice_counts(&self) -> Answer<'_, BTreeMap<NoticeDelivery, u64>> {
        answer(self.tables.read(|tables| {
            let mut counts = BTreeMap::<NoticeDelivery, u64>::new();
            for notice in &tables.alerts.notices {
                *counts.entry(notice.delivery).or_default() += 1;
            }
            counts
        }))
    }
}
