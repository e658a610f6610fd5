//! Limits of what waits to be written.

/// Limits of a writer.
#[derive(Debug, Clone, Copy)]
pub struct WriterLimits {
    /// The most bytes that may be queued. Further writes fail at once.
    pub queued_bytes_max: u64,
}

impl Default for WriterLimits {
    fn default() -> Self {
        Self { queued_bytes_max: 64 * 1024 * 1024 }
    }
}
