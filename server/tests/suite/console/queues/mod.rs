//! Queues and sinks: what the page shows, and each of its actions.

mod actions;
mod checks;
mod service;
