//! The server over HTTP: every status of the wire contract, and the forms of all answers.

mod access;
mod answers;
mod api_origins;
mod arrived;
mod bodies;
mod catalogue;
mod clock;
// They lower the limit on open files, which Windows does not have.
#[cfg(unix)]
mod connections;
mod corrected;
mod counting;
mod cross_origin;
mod cut_exports;
mod default_rates;
mod demo;
mod demo_data;
mod dialects;
mod faults;
mod frames;
mod golden;
mod happened;
mod http2;
mod limits;
pub(crate) mod live;
mod logging;
mod metrics;
mod odd_json;
mod odd_requests;
mod openapi;
// They are for shells of Unix.
#[cfg(unix)]
mod openapi_commands;
mod panics;
mod places;
mod proxied;
mod reading;
mod refusals;
mod replaying;
mod secrecy;
pub(crate) mod set_aside;
mod sources;
mod starting;
mod statements;
mod times;
// The clients are curl and openssl, and a SIGHUP reloads certificates.
#[cfg(unix)]
mod tls;
mod validating;
