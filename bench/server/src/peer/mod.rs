//! The servers that are measured: Lamplight, and what people would use instead.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::api::call;
use crate::load::Requests;
use crate::traffic::{Format, Traffic};

pub(crate) mod front;
mod hello;
mod influx;
mod jetstream;
mod lamplight;
mod node;

pub(crate) use influx::program as influx_program;
pub(crate) use jetstream::program as nats_program;
pub(crate) use lamplight::binary;
pub(crate) use node::DATABASE;

/// How long it may take to process one turn's events.
const PATIENCE: Duration = Duration::from_mins(5);
/// Events of a request, unless something else is asked for.
const EVENTS: usize = 10;

/// Where what was taken is processed, and how that is counted.
enum Processing {
    /// Nowhere: this peer only takes requests.
    Absent,
    /// In Lamplight, by its API.
    Api,
    /// In tables of the story's stack.
    Tables(tokio_postgres::Client),
}

/// A server under load.
pub(crate) struct Peer {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What every connection sends.
    pub(crate) requests: Requests,
    /// Its processes, without those that they start. Held so that they end with the benchmark.
    children: Vec<Child>,
    /// The first process of a database that it shares with others.
    database: Option<u32>,
    /// The folder with its data, if it has one of its own.
    data: Option<PathBuf>,
    processing: Processing,
}

impl Peer {
    /// Whatever listens at `address`.
    pub(crate) fn bare(address: SocketAddr, request: Vec<u8>) -> Self {
        Self {
            address,
            requests: Requests::Same(request.into()),
            children: Vec::new(),
            database: None,
            data: None,
            processing: Processing::Absent,
        }
    }

    /// A server that was just started.
    fn started(child: Child, address: SocketAddr, format: Format) -> Self {
        let traffic = Traffic { format, events: EVENTS, repeats: false };
        Self {
            requests: Requests::numbered(traffic),
            children: vec![child],
            ..Self::bare(address, Vec::new())
        }
    }

    /// Lets it get requests with this many events each. With `repeats`, some are sent twice.
    pub(crate) fn with_traffic(mut self, events: usize, repeats: bool) -> Self {
        if let Requests::Numbered(traffic, _) = self.requests {
            self.requests = Requests::numbered(Traffic { events, repeats, ..traffic });
        }
        self
    }

    /// Waits until everything that it took is processed.
    pub(crate) async fn finish(&self) -> Result<()> {
        let started = Instant::now();
        while self.waiting().await? != 0 {
            if started.elapsed() > PATIENCE {
                bail!("the server did not process what it took within {PATIENCE:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Payloads that wait to be processed.
    pub(crate) async fn waiting(&self) -> Result<u64> {
        match &self.processing {
            Processing::Absent => Ok(0),
            Processing::Api => lamplight::waiting(self.address).await,
            Processing::Tables(client) => node::waiting(client).await,
        }
    }

    /// Events that are stored.
    pub(crate) async fn stored(&self) -> Result<u64> {
        match &self.processing {
            Processing::Absent => Ok(0),
            Processing::Api => {
                let totals = call(self.address, "GET", "/api/totals", "").await?;
                totals["stored"].as_u64().context("the totals have no number of stored events")
            }
            Processing::Tables(client) => node::stored(client).await,
        }
    }

    /// What its events take on disk. The log of a database that others share is not in it.
    pub(crate) async fn kept_bytes(&self) -> Result<u64> {
        match (&self.processing, &self.data) {
            (Processing::Tables(client), _) => node::kept_bytes(client).await,
            (_, Some(folder)) => allocated_bytes(folder),
            _ => bail!("failed to find what the server keeps: it has no folder"),
        }
    }

    /// The id of its process, if it has one of its own.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.children.first()?.id()
    }

    /// The first process of each of its parts.
    pub(crate) fn roots(&self) -> Vec<u32> {
        self.children.iter().filter_map(Child::id).chain(self.database).collect()
    }

    /// Ends it in the order that it is meant to be ended, so that it writes what it still has to.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        for child in &mut self.children {
            let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
            kill_process(pid.context("the server has ended by itself")?, Signal::TERM)?;
            child.wait().await?;
        }
        Ok(())
    }
}

/// Starts a server and waits until it says where it listens.
async fn start(command: &mut Command) -> Result<(Child, SocketAddr)> {
    let mut child = spawn(command.stdout(Stdio::piped()))?;
    let stdout = child.stdout.take().context("the server has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(address) = line.split("listening on http://").nth(1) {
            let address = address.trim().parse()?;
            // Read and discard what it prints from now on, so that it never blocks.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok((child, address));
        }
    }
    bail!("{command:?} ended before it listened")
}

/// Starts a program that ends with the benchmark.
fn spawn(command: &mut Command) -> Result<Child> {
    let spawned = command.stderr(Stdio::null()).kill_on_drop(true).spawn();
    spawned.with_context(|| format!("failed to start {command:?}"))
}

/// A port that nobody listens on.
fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Waits until something listens at `address`, which `child` should do.
async fn until_listening(child: &mut Child, address: SocketAddr) -> Result<()> {
    let started = Instant::now();
    while tokio::net::TcpStream::connect(address).await.is_err() {
        if let Some(status) = child.try_wait()? {
            bail!("the server ended with {status} before it listened on {address}");
        }
        if started.elapsed() > Duration::from_secs(30) {
            bail!("the server does not listen on {address}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// What the files in a folder take on disk.
fn allocated_bytes(folder: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        sum += if metadata.is_dir() {
            allocated_bytes(&entry.path())?
        } else {
            metadata.blocks() * 512
        };
    }
    Ok(sum)
}
