//! The options of a client.

/// The options of a client. The defaults are those of the documentation.
#[derive(Debug, Clone)]
pub struct Options {
    /// The prefix of every storage key. Tabs with the same namespace adopt each other's events.
    pub namespace: String,
    /// Least time between two sends of batches that are not full, in milliseconds.
    pub interval_ms: u64,
    /// Most events in one batch. This many queued events are sent without waiting.
    pub events_max: usize,
    /// Most bytes of events in one batch. This many queued bytes are sent without waiting.
    pub batch_bytes_max: usize,
    /// Most bytes of events in storage, of all pages of the namespace together, orphaned events
    /// included.
    pub storage_bytes_max: usize,
    /// Most bytes of events that are in memory only, once storage is full.
    pub memory_bytes_max: usize,
    /// Most bytes of events in the overflow, of all pages of the namespace together.
    pub overflow_bytes_max: u64,
    /// Whether to ask the browser which tabs are alive. Without it, only heartbeats tell.
    pub liveness: bool,
    /// The least settle time of the tab lock, in milliseconds, and the age at which new keys are
    /// read back.
    pub settle_ms: u64,
    /// The time between two scans that must both have seen a key before it is adopted, in
    /// milliseconds.
    pub adopt_after_ms: u64,
    /// The age at which an unchanged heartbeat means that its producer is gone, in milliseconds.
    /// Hidden tabs may run one timer a minute.
    pub heartbeat_stale_ms: u64,
    /// The age at which a lease that was not renewed counts as free, in milliseconds.
    pub lease_stale_ms: u64,
    /// How long to wait for a response, in milliseconds.
    pub response_ms_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self::new(String::from("ll"))
    }
}

impl Options {
    /// The defaults in this namespace.
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
            response_ms_max: 30_000,
        }
    }
}
