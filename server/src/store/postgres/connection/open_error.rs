//! Why a database cannot be used.

use std::error::Error;
use std::sync::Arc;

use super::advice;
use super::url::DatabaseUrl;

/// Why a database cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenError {
    /// It cannot be reached, or refuses the connection.
    #[error("connect to {url}: {reason}")]
    Connect {
        /// The database, without secrets.
        url: String,
        /// What it answered, and what to do.
        reason: String,
        /// Whether the same may succeed later although nobody changes the URL or the database.
        is_down: bool,
    },
    /// TLS cannot be set up.
    #[error("set up TLS to the database: {0}")]
    Tls(String),
    /// It is not one that Lamplight can use.
    #[error("{0}")]
    Unfit(String),
    /// It is a shard, and opened as a database that is alone.
    #[error(
        "use the database: it is one of several shards. Give the server the URLs of all of them"
    )]
    Shard,
    /// Its schema is newer than this version knows, and does not say that this version may go on.
    #[error(
        "use the database: it has schema {found}, and this version of lamplight knows up to {known} and cannot work with it: \
         start the version that the other servers have, or a newer one"
    )]
    Newer {
        /// What it has.
        found: i32,
        /// What this version knows.
        known: i32,
    },
    /// Its schema is older than this version needs, and it is opened to read.
    #[error(
        "use the database: it has schema {found}, and this version of lamplight needs {known}: start the server once"
    )]
    Older {
        /// What it has.
        found: i32,
        /// What this version needs.
        known: i32,
    },
    /// Everything in it was moved to a data directory, or is being moved.
    #[error(
        "use the database: its events were moved to {place} on {date}, or are being moved there. Start the server \
         on that directory. If this was a mistake, run `lamplight migrate --undo --from` with the URL of the database"
    )]
    Moved {
        /// Where to.
        place: String,
        /// When that began.
        date: String,
    },
    /// A migration failed. It changed nothing.
    #[error("migrate the database: {source}")]
    Migrate {
        /// The database's error.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// Preparing it failed.
    #[error("prepare the database: {source}")]
    Prepare {
        /// The database's error.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl OpenError {
    /// Whether the database is down, rather than of no use.
    pub(crate) fn is_down(&self) -> bool {
        matches!(self, Self::Connect { is_down: true, .. })
    }

    /// Preparing a database failed.
    pub(crate) fn preparing(url: &DatabaseUrl, error: impl Error + Send + Sync + 'static) -> Self {
        match advice::of_rights(url, &error) {
            Some(advice) => Self::Unfit(format!("prepare the database: {advice}")),
            None => Self::Prepare { source: Arc::new(error) },
        }
    }

    /// A migration of a database failed.
    pub(crate) fn migrating(url: &DatabaseUrl, error: impl Error + Send + Sync + 'static) -> Self {
        match advice::of_rights(url, &error) {
            Some(advice) => Self::Unfit(format!("migrate the database: {advice}")),
            None => Self::Migrate { source: Arc::new(error) },
        }
    }
}
