//! Why work on a connection failed, and what follows from it.

use std::io;

use deadpool_postgres::{HookError, PoolError, TimeoutType};
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

use crate::store::{StoreError, Week};

/// When clients should try again that were refused because the database is down.
pub(crate) const RETRY_AFTER_S: u32 = 2;

/// Why work on a connection failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The database reported an error, or the connection broke.
    #[error(transparent)]
    Postgres(#[from] Error),
    /// No connection can be made.
    #[error("connect to the database")]
    Connect(#[source] Error),
    /// There is no connection.
    #[error("connect to the database: {0}")]
    NoConnection(String),
    /// Other work has all connections of this server.
    #[error("wait for a connection to the database: all of this server's are in use")]
    Busy,
    /// The connection broke during a commit.
    #[error("commit: the connection broke, and whether the database has committed is not known")]
    CommitUnknown(#[source] Error),
    /// What storage answers, whatever the database says.
    #[error(transparent)]
    Refused(#[from] StoreError),
    /// A column holds a value that Lamplight does not write.
    #[error("read column {0}: its value is not one of those that lamplight writes")]
    Column(&'static str),
    /// Other work has changed what this work is based on.
    #[error("other work changed the same rows")]
    Raced,
    /// A week has no partitions yet. They are made before the work is done again.
    #[error("the week {0} has no partitions")]
    NoPartitions(Week),
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                Self::Connect(error)
            }
            PoolError::Timeout(TimeoutType::Wait) => Self::Busy,
            PoolError::Timeout(_) => Self::NoConnection("it did not answer in time".to_owned()),
            other => Self::NoConnection(other.to_string()),
        }
    }
}

impl Failure {
    /// What a commit that failed means.
    pub(crate) fn of_commit(error: Error) -> Self {
        if is_broken(&error) { Self::CommitUnknown(error) } else { Self::Postgres(error) }
    }

    /// The database's error, if there is one.
    pub(crate) fn error(&self) -> Option<&Error> {
        match self {
            Self::Postgres(error) | Self::Connect(error) | Self::CommitUnknown(error) => {
                Some(error)
            }
            _ => None,
        }
    }

    /// The code that the database gave.
    pub(crate) fn code(&self) -> Option<&SqlState> {
        self.error().and_then(Error::code)
    }

    /// Whether the same work can succeed if it is done again at once: it was in the way of other
    /// work that ran at the same time.
    pub(crate) fn is_conflict(&self) -> bool {
        match self {
            Self::Raced => true,
            Self::Postgres(error) => error.code().is_some_and(|code| {
                [
                    SqlState::T_R_SERIALIZATION_FAILURE,
                    SqlState::T_R_DEADLOCK_DETECTED,
                    SqlState::UNIQUE_VIOLATION,
                    SqlState::CHECK_VIOLATION,
                ]
                .contains(code)
            }),
            _ => false,
        }
    }

    /// Whether a row was to be written that is there already.
    pub(crate) fn is_already_there(&self) -> bool {
        matches!(self, Self::Postgres(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION))
    }

    /// Whether a partition is missing that was there: retention has removed its week meanwhile.
    pub(crate) fn is_missing_table(&self) -> bool {
        matches!(self, Self::Postgres(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE))
    }

    /// Whether the work has certainly changed nothing, and only this connection was of no use: it
    /// broke, or leads to a host that takes no writes any more. Another one may lead elsewhere.
    pub(crate) fn is_of_connection(&self) -> bool {
        matches!(self, Self::Postgres(error) if is_broken(error) || is_read_only(error))
    }

    /// Whether nothing more is done on this connection.
    pub(crate) fn ends_connection(&self) -> bool {
        self.is_of_connection() || matches!(self, Self::CommitUnknown(_) | Self::NoConnection(_))
    }

    /// Whether the database has no connection left for this server.
    pub(crate) fn is_crowded(&self) -> bool {
        matches!(self, Self::Connect(_)) && self.code() == Some(&SqlState::TOO_MANY_CONNECTIONS)
    }

    /// Whether nothing can be written until an operator or time changes something: the connection,
    /// the disk, or the role of the database is at fault.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::Connect(_) | Self::NoConnection(_) | Self::CommitUnknown(_) => true,
            Self::Postgres(error) => {
                is_broken(error)
                    || is_read_only(error)
                    || error.as_db_error().is_some_and(is_outage)
            }
            Self::Refused(error) => matches!(error, StoreError::Down { .. }),
            Self::Busy | Self::Column(_) | Self::Raced | Self::NoPartitions(_) => false,
        }
    }

    /// Whether this work could not be done now, and the same may succeed later although nothing is
    /// down: it took too long, waited too long for others, or its role has lost a right.
    pub(crate) fn is_delay(&self) -> bool {
        let Self::Postgres(error) = self else { return matches!(self, Self::Busy) };
        error.code().is_some_and(|code| {
            [
                SqlState::QUERY_CANCELED,
                SqlState::LOCK_NOT_AVAILABLE,
                SqlState::INSUFFICIENT_PRIVILEGE,
            ]
            .contains(code)
        })
    }

    /// Whether the work waited too long for what other work has locked.
    pub(crate) fn is_locked_out(&self) -> bool {
        self.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)
    }

    /// Whether the database found a fault of its own, such as a file that it cannot write.
    pub(crate) fn is_internal(&self) -> bool {
        self.code().is_some_and(|code| code.code().starts_with("XX"))
    }

    /// What storage answers.
    pub(crate) fn while_doing(self, doing: &'static str) -> StoreError {
        match self {
            Self::Refused(error) => error,
            failure if failure.is_outage() => {
                tracing::warn!(error = %described(&failure), "failed to {doing}: the database is down");
                StoreError::Down { retry_after_s: RETRY_AFTER_S }
            }
            failure if failure.is_delay() => {
                tracing::warn!(error = %described(&failure), "failed to {doing} for now");
                StoreError::Down { retry_after_s: RETRY_AFTER_S }
            }
            failure => StoreError::database(doing, failure),
        }
    }
}

/// Whether PostgreSQL cannot work now.
fn is_outage(error: &DbError) -> bool {
    let code = error.code().code();
    // Connections, resources (disk full, memory, connections), an operator's stop, system errors.
    let is_told = ["08", "53", "57P", "58"].iter().any(|class| code.starts_with(class));
    // The system refused to write a file for a reason that has no code, such as a limit.
    let is_file = code == "XX000" && error.file().is_some_and(|file| WRITES.contains(&file));
    is_told || is_file
}

/// The sources of PostgreSQL that write files.
const WRITES: [&str; 3] = ["md.c", "fd.c", "xlog.c"];

/// Whether the connection has ended, or no longer says what it should.
fn is_broken(error: &Error) -> bool {
    let Some(code) = error.code() else {
        let cause = std::error::Error::source(error);
        return error.is_closed() || cause.is_some_and(<dyn std::error::Error>::is::<io::Error>);
    };
    // An end by an operator, a crash of the database, or because this process, frozen, left a
    // transaction open.
    let code = code.code();
    code.starts_with("57P") || code.starts_with("08") || code == "25P03"
}

/// Whether the host is a standby, or was set read-only.
fn is_read_only(error: &Error) -> bool {
    error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
}

/// Whether the database ended work because of others' transactions, so that the same work may
/// succeed later.
pub(crate) fn is_in_the_way(error: &(dyn std::error::Error + 'static)) -> bool {
    let codes = [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED];
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<DbError>())
        .any(|error| codes.contains(error.code()))
}

/// An error with its causes.
pub(crate) fn described(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
