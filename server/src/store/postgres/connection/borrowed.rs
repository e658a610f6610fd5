//! A connection of the pool while work uses it, and which connections are used again afterwards.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use deadpool_postgres::{ClientWrapper, HookError, Metrics, Object};

use super::failure::Failure;

/// Which connections of the pool are used again.
#[derive(Debug, Clone, Default)]
pub(super) struct Trust(Arc<Mutex<Untrusted>>);

#[derive(Debug, Default)]
struct Untrusted {
    /// Those that were made before this moment: since then, one of them broke or led to a host that
    /// takes no writes any more, and so may the others.
    before: Option<Instant>,
    /// Those that were made at these moments: something still runs on them.
    left: Vec<Instant>,
}

impl Trust {
    fn untrusted(&self) -> MutexGuard<'_, Untrusted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a connection is used again. The pool closes it otherwise.
    pub(super) fn check(&self, metrics: &Metrics) -> Result<(), HookError> {
        let mut untrusted = self.untrusted();
        let is_old = untrusted.before.is_some_and(|before| metrics.created <= before);
        let left = untrusted.left.len();
        untrusted.left.retain(|created| *created != metrics.created);
        if is_old || untrusted.left.len() < left {
            return Err(HookError::message("it may lead nowhere"));
        }
        Ok(())
    }

    /// No connection that is open now is used again.
    fn end_all(&self) {
        // The monotonic clock, not the clock port: it orders connections.
        self.untrusted().before = Some(tokio::time::Instant::now().into_std());
    }
}

/// A connection of the pool. Unless it is given back, it is not used again.
#[derive(Debug)]
pub(super) struct Borrowed {
    client: Object,
    trust: Trust,
    is_given_back: bool,
}

impl Borrowed {
    pub(super) fn new(client: Object, trust: &Trust) -> Self {
        Self { client, trust: trust.clone(), is_given_back: false }
    }

    /// Gives it back after work that ended like this.
    pub(super) fn give_back<T>(mut self, done: Result<T, Failure>) -> Result<T, Failure> {
        match &done {
            Err(failure) if failure.ends_connection() => self.trust.end_all(),
            _ => self.is_given_back = true,
        }
        done
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if !self.is_given_back {
            let created = Object::metrics(&self.client).created;
            self.trust.untrusted().left.push(created);
        }
    }
}

impl Deref for Borrowed {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        &self.client
    }
}

impl DerefMut for Borrowed {
    fn deref_mut(&mut self) -> &mut ClientWrapper {
        &mut self.client
    }
}
