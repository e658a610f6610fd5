//! Why a backend could not do what it was asked.

/// Why a backend could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// More waits to be written than memory is set aside for.
    #[error("queue a write: {queued_bytes} bytes are waiting already")]
    Full {
        /// How much waits.
        queued_bytes: u64,
        /// When to try again, from the rate of writing just now.
        retry_after_s: u32,
    },
    /// A write failed before this one and the database is being opened afresh, or it is closed.
    #[error("write: the database is not taking writes")]
    Down {
        /// When to try again.
        retry_after_s: u32,
    },
    /// The lease ended, or someone else has it.
    #[error("finish leased work: the lease is not the current one")]
    LeaseLost,
    /// The database refused.
    #[error("{doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What the database said.
        #[source]
        source: std::sync::Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// A refusal by the database while `doing` something.
    pub fn database(
        doing: &'static str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Database { doing, source: std::sync::Arc::new(source) }
    }
}
