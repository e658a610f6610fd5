//! HTTP for all routes: connections and their timeouts, credentials, request ids, errors as problem
//! documents, cross-origin requests, and the state of a shutdown.

mod caught_panic;
pub mod cors;
pub mod credentials;
mod head_timeout;
pub mod headers;
pub mod host;
pub mod listen;
pub mod problem;
pub mod refusal_counts;
pub mod refusal_log;
pub mod refusals;
pub mod request_id;
pub mod shutdown;
pub mod unread_body;
mod write_timeout;
