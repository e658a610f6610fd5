//! Why a call to storage failed.

/// Why a call to storage failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The writer's queue is full.
    #[error("queue a write: {queued_bytes} bytes are waiting already")]
    Full {
        /// How many bytes are queued.
        queued_bytes: u64,
        /// When to try again, from the current rate of writing.
        retry_after_s: u32,
    },
    /// The database takes no writes: an earlier write failed and the database is being reopened, or
    /// it is closed.
    #[error("write: the database is not taking writes")]
    Down {
        /// When to try again.
        retry_after_s: u32,
    },
    /// A read took longer than it may, and was interrupted.
    #[error("{doing}: it took longer than {} s", .time_max.as_secs())]
    TooSlow {
        /// The operation. It completes "failed to …".
        doing: &'static str,
        /// How long it may take.
        time_max: std::time::Duration,
    },
    /// The lease ended, or someone else has it.
    #[error("finish leased work: the lease is not the current one")]
    LeaseLost,
    /// The database reported an error.
    #[error("{doing}")]
    Database {
        /// The operation. It completes "failed to …".
        doing: &'static str,
        /// The database's error.
        #[source]
        source: std::sync::Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// The database's error while `doing` something.
    pub fn database(
        doing: &'static str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Database { doing, source: std::sync::Arc::new(source) }
    }
}
