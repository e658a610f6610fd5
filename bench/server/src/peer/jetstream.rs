//! NATS `JetStream`, which syncs every message, behind a small HTTP server.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::process::Command;

use super::{Peer, free_port, spawn, start, until_listening};
use crate::programs::find;
use crate::traffic::Format;

/// The variable that names the folder of nats-server.
const FOLDER: &str = "TEST_NATS";
/// The stream.
pub(super) const STREAM: &str = "PAYLOADS";
/// What is published in it.
pub(super) const SUBJECT: &str = "payloads";

/// nats-server, if it is installed.
pub(crate) fn program() -> Result<PathBuf> {
    find("nats-server", FOLDER)
        .context("failed to find nats-server on the PATH or in the folder of TEST_NATS")
}

impl Peer {
    /// One node with its files in `folder`, which syncs each message before it acknowledges it.
    pub(crate) async fn jetstream(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let (port, config) = (free_port()?, folder.join("nats.conf"));
        let store = folder.join("store");
        let text = format!(
            "listen: 127.0.0.1:{port}\nmax_payload: 4MB\njetstream {{\n  store_dir: \"{}\"\n  sync_interval: always\n}}\n",
            store.display()
        );
        std::fs::write(&config, text)?;
        let mut command = Command::new(program()?);
        let mut node = spawn(command.arg("--config").arg(&config))?;
        until_listening(&mut node, ([127, 0, 0, 1], port).into()).await?;
        let mut front = Command::new(std::env::current_exe()?);
        front.args(["--front", "jetstream", "--nats", &format!("nats://127.0.0.1:{port}")]);
        let (child, address) = start(&mut front).await?;
        let mut peer = Self::started(child, address, Format::Numbers);
        peer.children.push(node);
        Ok(peer)
    }
}
