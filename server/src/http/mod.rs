//! HTTP for all routes: connections and their timeouts, credentials, request ids, and errors as problem documents.

pub mod credentials;
pub mod listen;
pub mod problem;
pub mod request_id;
mod write_timeout;
