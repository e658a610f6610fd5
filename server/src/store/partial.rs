//! Answers that lack what some databases have. Pure.
//!
//! Where there are several databases, one of them may be down. A caller that can say so takes what
//! the others have. Everyone else gets an error: a sum that is silently too small could delete
//! something, or say that nothing is wrong.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

tokio::task_local! {
    static MISSING: Missing;
}

/// The numbers of the databases that an answer lacks.
#[derive(Debug, Clone, Default)]
pub struct Missing(Arc<Mutex<BTreeSet<u16>>>);

impl Missing {
    /// The numbers, in order.
    pub fn numbers(&self) -> Vec<u16> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// What the answer that is being made lacks. `None` if its caller does not take a part.
    pub(crate) fn of_this_answer() -> Option<Self> {
        MISSING.try_with(Clone::clone).ok()
    }

    /// Says that a database did not answer.
    pub(crate) fn add(&self, shard: u16) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(shard);
    }
}

/// Runs work that takes a part for an answer, and notes in `missing` what it lacks.
pub async fn taking_parts<T>(missing: Missing, work: impl Future<Output = T>) -> T {
    MISSING.scope(missing, work).await
}
