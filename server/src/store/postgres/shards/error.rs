//! Why shards cannot be read or changed.

use super::super::connection::failure::{Failure, described};
use super::super::connection::open_error::OpenError;

/// Why shards cannot be read or changed. What was done stays done, and the next run goes on.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// A database cannot be used.
    #[error("use {place}: {source}")]
    Open {
        /// The database, without secrets.
        place: String,
        /// Why.
        source: OpenError,
    },
    /// Work in a database failed.
    #[error("{doing} in {place}: {reason}")]
    Work {
        /// What, as in "copy buckets".
        doing: &'static str,
        /// The database.
        place: String,
        /// Why.
        reason: String,
    },
    /// Databases of two installations.
    #[error(
        "use {place}: it belongs to another installation than the other databases. Check the URLs"
    )]
    OtherInstallation {
        /// The database.
        place: String,
    },
    /// A new shard has data of its own.
    #[error(
        "add {place}: it is not empty. A new shard must be a database that no server has used. Make an empty one, or \
         check the URLs"
    )]
    NotEmpty {
        /// The database.
        place: String,
    },
    /// Two URLs lead to the same shard.
    #[error("use {place}: it is shard {number}, and so is {other}. Check the URLs")]
    Twice {
        /// The database.
        place: String,
        /// The other one.
        other: String,
        /// The number that both have.
        number: u16,
    },
    /// Two URLs lead to the same database.
    #[error("use {place}: it is the same database as {other}. Give each database once")]
    SameDatabase {
        /// The database.
        place: String,
        /// The other URL.
        other: String,
    },
    /// A database is no shard yet, and it is opened to read.
    #[error(
        "use {place}: it is no shard of this installation yet. Start a server with all URLs first"
    )]
    New {
        /// The database.
        place: String,
    },
    /// The map has a shard that no URL leads to.
    #[error("find shard {number}: none of the URLs leads to it. Give the URLs of all shards")]
    Missing {
        /// Which.
        number: u16,
    },
    /// There is no such shard.
    #[error(
        "drain shard {number}: there is no such shard, or it would be the last one with buckets"
    )]
    Drain {
        /// Which.
        number: u16,
    },
    /// A shard cannot be removed.
    #[error("remove shard {number}: {reason}")]
    Remove {
        /// Which.
        number: u16,
        /// Why not, and what to do.
        reason: String,
    },
    /// Somebody else moves buckets.
    #[error(
        "move buckets: another `lamplight shards move` is running. Wait until it has finished, or stop it"
    )]
    Busy,
    /// The map has changed meanwhile.
    #[error("move buckets: the map has been changed by somebody else. Run the command again")]
    Changed,
    /// The server cannot start without the shard that has what there is once.
    #[error("start without shard {number}, which has the keys: {reason}")]
    NoControl {
        /// Which.
        number: u16,
        /// Why it, or another one, does not answer.
        reason: String,
    },
    /// There is no URL.
    #[error("find shards: no database URL is given")]
    NoUrl,
    /// Whoever watches has stopped it.
    #[error("move buckets: stopped. Run the command again to go on")]
    Stopped,
}

impl ShardError {
    /// Whether a database is down, rather than of no use.
    pub(crate) fn is_down(&self) -> bool {
        matches!(self, Self::Open { source, .. } if source.is_down())
    }

    pub(super) fn work(doing: &'static str, place: &impl ToString, failure: &Failure) -> Self {
        Self::Work { doing, place: place.to_string(), reason: described(failure) }
    }
}
