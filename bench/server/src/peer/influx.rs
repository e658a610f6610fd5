//! `InfluxDB` 1, which syncs its log before each answer.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

use super::{Peer, free_port, spawn, until_listening};
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
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        until_listening(&mut child, address).await?;
        create_database(address).await?;
        Ok(Self::started(child, address, Format::Lines))
    }
}

async fn create_database(address: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    // In HTTP/1.0 the answer ends with the connection.
    let request = "POST /query?q=CREATE%20DATABASE%20bench HTTP/1.0\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    ensure!(answer.starts_with("HTTP/1.0 200"), "InfluxDB made no database: {answer}");
    Ok(())
}
