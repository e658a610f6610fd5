//! Requests in flight.

/// A request in flight.
#[derive(Debug)]
pub(in crate::client) struct Request<C> {
    pub(in crate::client) id: u32,
    /// How many events it carries.
    pub(in crate::client) events: usize,
    /// The length of its body if the page was about to close; otherwise 0.
    pub(in crate::client) last_bytes: usize,
    /// When it counts as failed without a response.
    pub(in crate::client) deadline_ms: u64,
    /// What its client must know about it, besides the queue's events.
    pub(in crate::client) contents: C,
}
