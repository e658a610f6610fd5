//! Alerts: each rule through the server, crashes at every moment, and webhooks that fail.

mod clock;
mod crashes;
mod engine;
mod metrics;
mod real;
mod receiver;
mod rules;
mod tls;
mod webhook;
pub(crate) mod world;
