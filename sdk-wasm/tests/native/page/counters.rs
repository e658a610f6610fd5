//! The numbers of `stats()`, by name.

/// What [`PageClient::counters`] returns, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) made: u64,
    pub(crate) queued: u64,
    pub(crate) queued_bytes: u64,
    pub(crate) stored: u64,
    pub(crate) sent: u64,
    pub(crate) requests: u64,
    pub(crate) backoff_ms: u64,
    pub(crate) last_error: u64,
    pub(crate) last_flush: u64,
    pub(crate) quota: u64,
    pub(crate) rejected: u64,
    pub(crate) too_large: u64,
    pub(crate) opted_out: u64,
}

impl Counters {
    pub(crate) const fn named(counters: [u64; 13]) -> Self {
        let [
            made,
            queued,
            queued_bytes,
            stored,
            sent,
            requests,
            backoff_ms,
            last_error,
            last_flush,
            quota,
            rejected,
            too_large,
            opted_out,
        ] = counters;
        Self {
            made,
            queued,
            queued_bytes,
            stored,
            sent,
            requests,
            backoff_ms,
            last_error,
            last_flush,
            quota,
            rejected,
            too_large,
            opted_out,
        }
    }
}
