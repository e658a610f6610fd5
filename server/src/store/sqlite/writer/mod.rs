//! The writer of a database: one thread that commits whatever is queued as one group.

pub(crate) mod group_commit;
pub(crate) mod handle;
pub(crate) mod step;
