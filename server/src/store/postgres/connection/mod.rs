//! Connections: the URL, the pool, and what every connection is told first.

mod advice;
mod borrowed;
pub(crate) mod database;
pub(crate) mod failure;
pub(crate) mod fitness;
mod frozen;
mod link;
pub(crate) mod open_error;
mod tls;
mod transaction_pool;
pub(crate) mod url;
pub(crate) mod watch;
