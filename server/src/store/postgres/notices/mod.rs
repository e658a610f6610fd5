//! Notices: what one server tells the others, so that they do not wait for their next look.
//!
//! Nothing depends on them. A notice may be lost, and then everyone finds by polling what it was
//! about. They are sent beside the transactions that they are about, never in one of them, because
//! PostgreSQL lets only one transaction with a notice commit at a time.

mod exchange;
pub(crate) mod news;

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::{Notify, watch};

use crate::store::share::{SHARES, Wakers};
use news::News;

pub(super) use exchange::exchange;

/// Who waits for news in this process, and what others are still to be told.
#[derive(Debug)]
pub(crate) struct Notices {
    /// Wakes workers.
    pub(crate) staged: Wakers,
    /// Changes when events were stored.
    pub(crate) stored: watch::Sender<u64>,
    /// Changes when deliveries may have been queued.
    pub(crate) queued: watch::Sender<u64>,
    /// Changes when another server changed keys.
    pub(crate) keys: watch::Sender<u64>,
    /// Changes when someone signed in or out at another server.
    pub(crate) sessions: watch::Sender<u64>,
    /// The bits of what others do not know yet.
    unpublished: AtomicU8,
    more: Notify,
}

impl Default for Notices {
    fn default() -> Self {
        let new = || watch::Sender::new(0);
        Self {
            staged: Wakers::default(),
            stored: new(),
            queued: new(),
            keys: new(),
            sessions: new(),
            unpublished: AtomicU8::new(0),
            more: Notify::new(),
        }
    }
}

impl Notices {
    /// Tells the other servers, soon. It costs one atomic operation.
    pub(crate) fn publish(&self, news: News) {
        if self.unpublished.fetch_or(news.bit(), Ordering::AcqRel) == 0 {
            self.more.notify_one();
        }
    }

    /// Tells whoever waits in this process.
    pub(crate) fn received(&self, news: News) {
        let changed = |sender: &watch::Sender<u64>| {
            sender.send_modify(|count| *count = count.wrapping_add(1));
        };
        match news {
            News::Staged => (0..SHARES).for_each(|share| self.staged.wake(share)),
            News::Stored => changed(&self.stored),
            News::Queued => changed(&self.queued),
            News::Keys => changed(&self.keys),
            News::Sessions => changed(&self.sessions),
        }
    }

    /// What others do not know yet. The caller tells them.
    fn take_unpublished(&self) -> Vec<&'static str> {
        let bits = self.unpublished.swap(0, Ordering::AcqRel);
        let unpublished = News::ALL.into_iter().filter(|news| bits & news.bit() != 0);
        unpublished.map(News::word).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn news_is_told_once_however_often_it_happened() {
        let notices = Notices::default();
        for _ in 0..100 {
            notices.publish(News::Stored);
            notices.publish(News::Keys);
        }
        notices.more.notified().await;
        assert_eq!(notices.take_unpublished(), ["stored", "keys"]);
        assert_eq!(notices.take_unpublished(), [""; 0]);
        notices.publish(News::Stored);
        notices.more.notified().await;
        assert_eq!(notices.take_unpublished(), ["stored"]);
    }

    #[test]
    fn who_waits_for_other_news_is_not_woken() {
        let notices = Notices::default();
        let (keys, stored) = (notices.keys.subscribe(), notices.stored.subscribe());
        notices.received(News::Keys);
        assert!(keys.has_changed().unwrap() && !stored.has_changed().unwrap());
    }
}
