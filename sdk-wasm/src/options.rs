//! How a client is set up.

/// How a client is set up. The defaults are what the documentation promises.
#[derive(Debug, Clone)]
pub struct Options {
    /// What every storage key begins with. Tabs with the same one work for each other.
    pub namespace: String,
    /// Least time between two sends that are not full, in milliseconds.
    pub interval_ms: u64,
    /// Most events in one batch; so many queued ones are sent without waiting.
    pub events_max: usize,
    /// Most bytes of events in one batch; so many queued ones are sent without waiting.
    pub batch_bytes_max: usize,
    /// Most bytes of events in storage, of all pages of the namespace together, those that are gone included.
    pub storage_bytes_max: usize,
    /// Most bytes of events that wait in memory only, once storage takes no more.
    pub memory_bytes_max: usize,
    /// Most bytes of events in the overflow, of all pages of the namespace together.
    pub overflow_bytes_max: u64,
    /// Whether to ask the browser which tabs are alive. Without it only beats tell.
    pub liveness: bool,
    /// The least settle time of the tab lock, in milliseconds, and the age at which own keys are read back.
    pub settle_ms: u64,
    /// How far apart two scans must have seen a key before it is adopted, in milliseconds.
    pub adopt_after_ms: u64,
    /// How long a beat stands still before its producer counts as gone, in milliseconds. Hidden tabs may run
    /// one timer a minute.
    pub heartbeat_stale_ms: u64,
    /// How long a lease's beat stands still before the lease counts as free, in milliseconds.
    pub lease_stale_ms: u64,
    /// How long an answer may take, in milliseconds.
    pub answer_ms_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self::new(String::from("ll"))
    }
}

impl Options {
    /// The defaults, in this namespace.
    pub const fn new(namespace: String) -> Self {
        Self {
            namespace,
            interval_ms: 500,
            events_max: 100,
            batch_bytes_max: 60 * 1000,
            storage_bytes_max: 1024 * 1024,
            memory_bytes_max: 4 * 1024 * 1024,
            overflow_bytes_max: 50 * 1024 * 1024,
            liveness: true,
            settle_ms: 250,
            adopt_after_ms: 5_000,
            heartbeat_stale_ms: 300_000,
            lease_stale_ms: 30_000,
            answer_ms_max: 30_000,
        }
    }
}
