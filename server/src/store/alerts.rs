//! The trait of what is kept about alerts.

use std::collections::BTreeMap;

use super::{AlertBook, AlertRound, Answer, KeptNotice, NoticeAttempt, NoticeDelivery};

/// Keeps which alerts are firing, and what was said about them.
pub trait Alerts: Send + Sync + 'static {
    /// What the rules continue from.
    fn book(&self) -> Answer<'_, AlertBook>;

    /// Writes one evaluation, in one transaction. It is durable when this returns. Notices beyond
    /// the newest [`NOTICES_MAX`](super::NOTICES_MAX) are deleted.
    fn save(&self, round: AlertRound) -> Answer<'_, ()>;

    /// The queued notice that was said first.
    fn next_queued(&self) -> Answer<'_, Option<KeptNotice>>;

    /// Records how an attempt to deliver a notice ended. Returns whether it was queued.
    fn settle(&self, number: i64, attempt: NoticeAttempt, now_ms: i64) -> Answer<'_, bool>;

    /// The last notices, newest first.
    fn history(&self, limit: u32) -> Answer<'_, Vec<KeptNotice>>;

    /// How many notices are kept, by where they are. What has none is missing.
    fn notice_counts(&self) -> Answer<'_, BTreeMap<NoticeDelivery, u64>>;
}
