//! Real servers on a real PostgreSQL that writes to its disk, while both fail in the ways that they
//! do: nothing that was acknowledged is lost, nothing is stored twice, and all counts are exact.
//!
//! Each test has a short form, but for those that need pgbouncer or root. `TEST_POSTGRES_ROUNDS`
//! repeats its faults that often.

pub(crate) mod absent_shard;
mod bouncer;
mod connections;
mod dump;
mod failover;
mod full;
mod full_disk;
pub(crate) mod instance;
mod kills;
pub(crate) mod load;
mod network;
mod outages;
mod pooler;
pub(crate) mod proxy;
pub(crate) mod shards;
pub(crate) mod shards_equal;
mod starting;
mod tls_front;
mod upgrades;

use std::path::Path;
use std::process::Command;

use crate::harness::{Server, command};

/// How often a test's faults happen.
fn rounds(short: u64) -> u64 {
    std::env::var("TEST_POSTGRES_ROUNDS")
        .map_or(short, |text| text.parse().expect("TEST_POSTGRES_ROUNDS is a number"))
}

/// Whether faults happen more often than in the short form.
fn is_long() -> bool {
    std::env::var_os("TEST_POSTGRES_ROUNDS").is_some()
}

/// The command that runs a server on a database.
pub(crate) fn serve_on(url: &str, data: &Path) -> Command {
    let mut command = command("serve", data);
    command.env("LAMPLIGHT_DATABASE_URL", url);
    command
}

/// A server on a database, with a data directory that stays empty.
fn server_on(url: &str) -> Server {
    Server::start(serve_on(url, &std::env::temp_dir().join("lamplight-no-data")))
}
