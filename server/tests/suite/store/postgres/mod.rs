//! What only PostgreSQL shows: several servers on one database, and how statements are run.

mod deliveries;
mod deliveries_add_up;
mod fleet;
mod leader;
mod limits;
mod notices;
mod payloads;
mod payloads_pruned;
mod payloads_staged;
mod plans_payloads;
mod plans_reading;
mod plans_tallies;
mod plans_verify;
mod reading;
mod servers;
mod several_servers;
pub(crate) mod shards;
mod tallies;
pub(crate) mod upgrade;
mod user_sql;
mod verify;
