//! Lamplight: the real server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rusqlite::Connection;
use tokio::process::Command;

use super::{Peer, Processing, start};
use crate::api::{ADMIN_TOKEN, SECRET_KEY, call};
use crate::traffic::{Format, KEY};

impl Peer {
    /// The real server on a fresh embedded database in `folder`.
    pub(crate) async fn lamplight(folder: &Path, config: Option<&Path>) -> Result<Self> {
        let mut command = serve(folder)?;
        if let Some(config) = config {
            command.env("LAMPLIGHT_CONFIG", config);
        }
        let peer = Self::of(command).await?;
        Ok(Self { data: Some(folder.join("data")), ..peer })
    }

    /// The real server on a database of PostgreSQL. Nothing is in `folder` afterwards.
    pub(crate) async fn lamplight_on(url: &str, folder: &Path) -> Result<Self> {
        Self::lamplight_with(&[("LAMPLIGHT_DATABASE_URL", url)], folder).await
    }

    /// The real server with these settings, which name where it keeps what it takes.
    pub(crate) async fn lamplight_with(settings: &[(&str, &str)], folder: &Path) -> Result<Self> {
        let mut command = serve(folder)?;
        command.envs(settings.iter().copied());
        Self::of(command).await
    }

    async fn of(mut command: Command) -> Result<Self> {
        let (child, address) = start(&mut command).await?;
        lift_limits(address).await?;
        let peer = Self::started(child, address, Format::Numbers);
        Ok(Self { processing: Processing::Api, ..peer })
    }

    /// Keeps Lamplight from processing what it takes until the connection is dropped: its writer of
    /// events waits for a lock that this transaction has. It waits for five seconds at most.
    pub(crate) fn hold_processing(&self) -> Result<Option<Connection>> {
        let (Processing::Api, Some(data)) = (&self.processing, &self.data) else { return Ok(None) };
        let connection = Connection::open(data.join("store.db"))?;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        Ok(Some(connection))
    }
}

/// The command that starts the real server, with `folder` for its data.
fn serve(folder: &Path) -> Result<Command> {
    let mut command = Command::new(binary()?);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.join("data"))
        .env_remove("LAMPLIGHT_BIN")
        .env("LAMPLIGHT_WRITE_KEY", KEY)
        .env("LAMPLIGHT_SECRET_KEY", SECRET_KEY)
        .env("LAMPLIGHT_ADMIN_TOKEN", ADMIN_TOKEN);
    Ok(command)
}

/// Payloads in the queue, and what is in a stream in front of it.
pub(super) async fn waiting(address: SocketAddr) -> Result<u64> {
    let queues = call(address, "GET", "/api/queues", "").await?;
    let stream = &queues["stages"][0]["stream"];
    let in_stream = if stream.is_null() {
        0
    } else {
        stream["groups"].as_u64().context("the stream has no number of groups")?
    };
    // Read after the stream, which empties into the queue.
    let totals = call(address, "GET", "/api/totals", "").await?;
    let depth = totals["queue"]["depth"].as_u64();
    Ok(in_stream + depth.context("the totals have no depth of the queue")?)
}

/// Lets the write key send as fast as the server can take it.
async fn lift_limits(address: SocketAddr) -> Result<()> {
    let keys = call(address, "GET", "/api/keys", "").await?;
    let keys = keys["keys"].as_array().context("the answer lists no keys")?;
    for key in keys.iter().filter(|key| key["kind"] == "write") {
        let id = key["id"].as_str().context("a key has no id")?;
        let limits = r#"{"events_per_s":100000000,"bytes_per_s":4000000000}"#;
        call(address, "PATCH", &format!("/api/keys/{id}"), limits).await?;
    }
    Ok(())
}

/// The server that is measured: the one that the environment names, or that was built beside this
/// program.
pub(crate) fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("LAMPLIGHT_BIN") {
        return Ok(path.into());
    }
    let this = std::env::current_exe()?;
    let beside = this.ancestors().skip(1).take(2).map(|folder| folder.join("lamplight"));
    beside.into_iter().find(|path| path.is_file()).context(
        "failed to find the server: build it with `cargo build -p lamplight-server`, or set \
         LAMPLIGHT_BIN to its path",
    )
}
