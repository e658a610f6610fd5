//! `/queues`: what waits at each stage and for each sink, and how the sinks are.

mod actions;
mod backfill;
mod show;
mod sink;

pub(super) use actions::{check, pause, resume};
pub(super) use backfill::{begin_backfill, count_backfill};
pub(super) use show::show;
