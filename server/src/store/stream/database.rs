//! The stream as the database that takes payloads.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::health::{Health, Verdict};
use super::link::Link;
use super::publisher::Publisher;
use crate::metrics::commits::CommitSums;
use crate::store::{Answer, Database};

/// The stream as the database that takes payloads. The queue behind it may be down meanwhile.
pub(super) struct StreamDatabase {
    pub(super) link: Arc<Link>,
    pub(super) health: Arc<Health>,
    pub(super) publishers: Vec<Arc<Publisher>>,
    /// Ends the drains and the checks.
    pub(super) stop: watch::Sender<bool>,
    pub(super) tasks: Mutex<Vec<JoinHandle<()>>>,
    /// The database that the drains write to.
    pub(super) inner: Arc<dyn Database>,
}

impl Database for StreamDatabase {
    fn is_up(&self) -> bool {
        self.fault().is_none()
    }

    fn fault(&self) -> Option<String> {
        if let Verdict::Unsafe(why) = self.health.verdict() {
            return Some(format!("the intake stream is not safe: {why}"));
        }
        if !self.link.is_connected() {
            return Some("the intake stream is down: there is no connection to NATS".into());
        }
        let fault = self.publishers.iter().find_map(|it| it.fault())?;
        Some(format!("the intake stream is down: {fault}"))
    }

    fn is_in_front(&self) -> bool {
        true
    }

    fn shards(&self) -> Vec<(u16, bool)> {
        self.inner.shards()
    }

    fn commits(&self) -> CommitSums {
        let mut publishers = self.publishers.iter();
        let first = publishers.next().map(|it| it.commits()).unwrap_or_default();
        publishers.fold(first, |sums, it| sums.and(&it.commits()))
    }

    fn close(&self) -> Answer<'_, ()> {
        Box::pin(async {
            let closing = self.publishers.iter().map(|it| it.close());
            futures_util::future::join_all(closing).await;
            self.stop.send_replace(true);
            let tasks =
                std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
            for task in tasks {
                // Whether it panicked, its supervisor knows.
                drop(task.await);
            }
            self.link.close().await;
            self.inner.close().await
        })
    }
}
