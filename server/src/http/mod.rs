//! HTTP for all routes: connections and their timeouts, credentials, request ids, errors as problem
//! documents, cross-origin requests, and the state of a shutdown.

mod answer_body;
pub mod answers;
pub mod api_origins;
pub mod body;
mod caught_panic;
pub mod client_address;
mod connection;
mod connections;
pub mod cors;
pub mod credentials;
mod error_answers;
mod frame_scan;
mod head_scan;
mod head_timeout;
pub mod headers;
mod host;
mod layered;
pub mod listen;
pub mod path_text;
mod patience;
pub mod problem;
pub mod proxies;
pub mod refusal_counts;
pub mod refusal_log;
pub mod refusals;
pub mod request_form;
pub mod request_id;
mod requests;
pub mod same_origin;
mod serving;
pub mod session_cookie;
pub mod shutdown;
pub mod tls;
mod unread;
mod unserved;
mod write_timeout;
