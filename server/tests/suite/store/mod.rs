//! The laws of `Intake`, `Store` and `Deliveries`, written against the traits and run on every backend.

#[macro_use]
mod backend;
mod delivery_laws;
mod intake_laws;
pub(crate) mod machine;
pub(crate) mod memory;
mod profile_laws;
mod retention_laws;
mod sample;
pub(crate) mod sqlite;
mod store_laws;
mod trace_laws;
mod week_laws;
