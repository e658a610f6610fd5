//! The servers that are measured.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use axum::{Router, routing};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::api::{ADMIN_TOKEN, SECRET_KEY, call};
use crate::postgres::Postgres;

/// The name of Lamplight's server in the report.
pub(crate) const LAMPLIGHT: &str = "lamplight";
/// How long it may take to process one turn's events.
const PATIENCE: Duration = Duration::from_mins(5);

pub(crate) const KEY: &str = "wk_bench0000000000000000000000000";

/// A server under load.
pub(crate) struct Peer {
    /// Its name in the report.
    pub(crate) name: &'static str,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The whole request, head and body, that every connection repeats.
    pub(crate) request: Vec<u8>,
    /// Held so that the process ends with the benchmark.
    child: Option<Child>,
}

impl Peer {
    /// axum, which reads the body and answers one word: the ceiling for any durable response on
    /// this machine.
    pub(crate) async fn hello() -> Result<Self> {
        let app = Router::new().route(
            "/v1/events",
            routing::post(
                |body: String| async move { if body.is_empty() { "empty" } else { "hello" } },
            ),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { name: "hello", address, request: request(), child: None })
    }

    /// Whatever listens at `address`.
    pub(crate) fn bare(name: &'static str, address: SocketAddr, request: Vec<u8>) -> Self {
        Self { name, address, request, child: None }
    }

    /// The real server on a fresh embedded database in `folder`.
    pub(crate) async fn lamplight(folder: &Path, config: Option<&Path>) -> Result<Self> {
        let mut command = serve(folder);
        if let Some(config) = config {
            command.env("LAMPLIGHT_CONFIG", config);
        }
        let (child, address) = start(&mut command).await?;
        lift_limits(address).await?;
        Ok(Self { name: LAMPLIGHT, address, request: request(), child: Some(child) })
    }

    /// The real server on a database of PostgreSQL. Nothing is in `folder` afterwards.
    pub(crate) async fn lamplight_on(url: &str, folder: &Path) -> Result<Self> {
        Self::lamplight_with(&[("LAMPLIGHT_DATABASE_URL", url)], folder).await
    }

    /// The real server with these settings.
    pub(crate) async fn lamplight_with(settings: &[(&str, &str)], folder: &Path) -> Result<Self> {
        let mut command = serve(folder);
        let (child, address) = start(command.envs(settings.iter().copied())).await?;
        lift_limits(address).await?;
        Ok(Self { name: LAMPLIGHT, address, request: request(), child: Some(child) })
    }

    /// fastify with one INSERT for each request into a cluster.
    pub(crate) async fn node_pg(postgres: &Postgres) -> Result<Self> {
        let mut command = Command::new("node");
        command.arg("bench/server-peers/fastify-pg.mjs");
        command.env("PGHOST", &postgres.socket).env("PGPORT", postgres.port().to_string());
        let (child, address) = start(&mut command).await?;
        Ok(Self { name: "node_pg", address, request: request(), child: Some(child) })
    }

    /// Waits until the server has processed all that it took, because the next turn belongs to
    /// another peer.
    pub(crate) async fn finish(&self) -> Result<()> {
        if self.name != LAMPLIGHT {
            return Ok(());
        }
        let started = Instant::now();
        while !self.has_finished().await? {
            if started.elapsed() > PATIENCE {
                bail!("the server did not process what it took within {PATIENCE:?}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Whether nothing waits, neither in the queue nor in a stream in front of it.
    async fn has_finished(&self) -> Result<bool> {
        let queues = call(self.address, "GET", "/api/queues", "").await?;
        let stream = &queues["stages"][0]["stream"];
        if !stream.is_null() && stream["groups"] != 0 {
            return Ok(false);
        }
        // Read after the stream, which empties into it.
        Ok(call(self.address, "GET", "/api/totals", "").await?["queue"]["depth"] == 0)
    }

    /// The id of its process, if it has one of its own.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref()?.id()
    }
}

/// The command that starts the real server, with `folder` for its data.
fn serve(folder: &Path) -> Command {
    let mut command = Command::new(binary());
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.join("data"))
        .env_remove("LAMPLIGHT_BIN")
        .env("LAMPLIGHT_WRITE_KEY", KEY)
        .env("LAMPLIGHT_SECRET_KEY", SECRET_KEY)
        .env("LAMPLIGHT_ADMIN_TOKEN", ADMIN_TOKEN);
    command
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

/// The server that is measured.
pub(crate) fn binary() -> String {
    std::env::var("LAMPLIGHT_BIN").unwrap_or_else(|_| "target/release/lamplight".into())
}

/// Starts a server and waits until it says where it listens.
async fn start(command: &mut Command) -> Result<(Child, SocketAddr)> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("failed to start {command:?}"))?;
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

/// 10 events of about 300 bytes, as a page would post them.
fn request() -> Vec<u8> {
    let event = serde_json::json!({
        "name": "product_viewed",
        "ts": 1_790_000_000_000_u64,
        "properties": { "sku": "A-1029-blue", "price": 49.9, "list": "spring", "position": 7, "note": "n".repeat(120) },
        "context": { "page": "https://shop.example/products/a-1029", "locale": "en-GB" },
    });
    let body = serde_json::Value::from(vec![event; 10]).to_string();
    format!(
        "POST /v1/events?key={KEY} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
