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
    /// The database is a shard, and it has another map of the shards than this server: the server
    /// must read the map again.
    #[error(
        "write: this server knows the shards as of epoch {known}, and the database as of epoch {found}"
    )]
    OtherEpoch {
        /// The epoch that this server knows.
        known: u64,
        /// The epoch of the database.
        found: u64,
    },
    /// What would be written belongs to buckets that are being moved to another shard, or that
    /// another shard has.
    #[error("write: another shard has the data that this is about, or it is moving there")]
    Moving {
        /// When to try again.
        retry_after_s: u32,
    },
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
