//! Lanes: counts that every transaction adds to are in several rows, one for each of a few
//! transactions that may run at the same time. So none waits for another, and what counts is the
//! sum.

/// The lane of a transaction, as SQL. Connections that are open have different process numbers, so
/// at most a few share a lane.
pub(crate) const LANE: &str = "(pg_backend_pid() % 64)::smallint";
