//! `InfluxDB` 1, which syncs its log before each answer.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::process::Command;

use super::{Peer, free_port, spawn, until_listening};
use crate::api::call;
use crate::programs::find;
use crate::traffic::Format;

/// influxd, if it is installed.
pub(crate) fn program() -> Result<PathBuf> {
    find("influxd", "TEST_INFLUXDB")
        .context("failed to find influxd on the PATH or in the folder of TEST_INFLUXDB")
}

impl Peer {
    /// An empty server with its files in `folder`. `wal-fsync-delay` is zero, its default: the log
    /// is synced before the answer.
    pub(crate) async fn influx(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let (port, other) = (free_port()?, free_port()?);
        let (root, config) = (folder.display(), folder.join("influxdb.conf"));
        let text = format!(
            r#"reporting-disabled = true
bind-address = "127.0.0.1:{other}"
[meta]
dir = "{root}/meta"
[data]
dir = "{root}/data"
wal-dir = "{root}/wal"
wal-fsync-delay = "0s"
index-version = "tsi1"
query-log-enabled = false
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:{port}"
log-enabled = false
"#
        );
        std::fs::write(&config, text)?;
        let mut command = Command::new(program()?);
        command.stdout(std::process::Stdio::null());
        let mut child = spawn(command.arg("-config").arg(&config))?;
        let address = ([127, 0, 0, 1], port).into();
        until_listening(&mut child, address).await?;
        call(address, "POST", "/query?q=CREATE%20DATABASE%20bench", "").await?;
        Ok(Self::started(child, address, Format::Lines))
    }
}
