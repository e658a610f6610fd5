//! Alerts: each rule through the server, crashes at every moment, and webhooks that fail.

mod clock;
mod crashes;
mod engine;
mod real;
mod receiver;
mod rules;
mod webhook;
pub(crate) mod world;
