//! The conformance suite of storage. Every law is written against the traits and runs on every
//! backend.

mod aggregate_laws;
mod alert_laws;
mod apply_laws;
mod archive_laws;
pub(crate) mod backend;
mod backfill_laws;
mod database_laws;
mod delivery_failure_laws;
mod delivery_laws;
mod discard_laws;
pub(crate) mod filled;
mod key_laws;
mod live_laws;
pub(crate) mod machine;
pub(crate) mod memory;
pub(crate) mod memory_shards;
mod payload_queue_laws;
#[cfg(unix)]
pub(crate) mod postgres;
#[cfg(unix)]
pub(crate) mod postgres_machine;
mod profile_laws;
mod property_laws;
mod reader_laws;
mod reapply_laws;
mod refused_laws;
mod replay_laws;
mod retention_laws;
pub(crate) mod rows;
pub(crate) mod sample;
mod saved_view_laws;
mod scope_laws;
mod session_laws;
mod set_aside_laws;
mod sink_laws;
mod size_laws;
pub(crate) mod sqlite;
mod stage_all_laws;
mod tally_laws;
mod trace_laws;
mod trend_laws;
mod week_laws;
