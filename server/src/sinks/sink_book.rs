//! The sinks of the configuration, by name, and how the last check of each ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use super::{CheckResult, Sink};

/// How long a check may take.
const CHECK: Duration = Duration::from_secs(8);

/// The sinks of the configuration, by name.
#[derive(Default)]
pub struct SinkBook(HashMap<Arc<str>, BookedSink>);

/// A sink, and its last check.
pub struct BookedSink {
    sink: Arc<dyn Sink>,
    last: Mutex<Option<SinkCheck>>,
    checking: tokio::sync::Mutex<()>,
}

/// A check that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkCheck {
    /// When it began, in milliseconds since 1970.
    pub at_ms: i64,
    /// What it found.
    pub result: CheckResult,
}

impl SinkBook {
    /// A book of these sinks.
    pub fn new(sinks: impl IntoIterator<Item = (Arc<str>, Arc<dyn Sink>)>) -> Self {
        let booked = |(name, sink)| {
            (
                name,
                BookedSink {
                    sink,
                    last: Mutex::default(),
                    checking: tokio::sync::Mutex::default(),
                },
            )
        };
        Self(sinks.into_iter().map(booked).collect())
    }

    /// The sink with this name.
    pub fn find(&self, name: &str) -> Option<&BookedSink> {
        self.0.get(name)
    }
}

impl BookedSink {
    /// The sink.
    pub fn sink(&self) -> &dyn Sink {
        &*self.sink
    }

    /// Checks it, which takes ten seconds at most. None if a check is running already.
    pub async fn check(&self, now_ms: i64) -> Option<SinkCheck> {
        let _checking = self.checking.try_lock().ok()?;
        let result = timeout(CHECK, self.sink.check(now_ms)).await.unwrap_or_else(|_| {
            let why = "no answer came within 8 s: check the address, or retry later";
            CheckResult::Fails(why.to_owned())
        });
        let check = SinkCheck { at_ms: now_ms, result };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(check.clone());
        Some(check)
    }

    /// Its last check since the start.
    pub fn last_check(&self) -> Option<SinkCheck> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
