//! Node with PostgreSQL: one INSERT for each request, and the stack of the story, whose worker
//! makes rows of what was inserted.

use anyhow::Result;
use tokio::process::Command;
use tokio_postgres::Client;

use super::{Peer, Processing, spawn, start};
use crate::postgres::Postgres;
use crate::traffic::Format;

/// Where the programs are.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../server-peers");
/// The database that they use.
pub(crate) const DATABASE: &str = "postgres";

impl Peer {
    /// fastify with one INSERT for each request into a cluster.
    pub(crate) async fn node_pg(postgres: &Postgres) -> Result<Self> {
        let (child, address) = start(&mut node(postgres, "fastify-pg.mjs")).await?;
        let peer = Self::started(child, address, Format::Ids);
        Ok(Self { database: Some(postgres.pid()?), ..peer })
    }

    /// fastify with one INSERT for each request, and a worker that takes payloads in batches,
    /// enriches their events and inserts them, each once.
    pub(crate) async fn story(postgres: &Postgres) -> Result<Self> {
        let client = postgres.client(DATABASE).await?;
        client.batch_execute(include_str!("../../../server-peers/story.sql")).await?;
        let (child, address) = start(&mut node(postgres, "story-api.mjs")).await?;
        let mut peer = Self::started(child, address, Format::Ids);
        let mut worker = node(postgres, "story-worker.mjs");
        peer.children.push(spawn(worker.stdout(std::process::Stdio::null()))?);
        Ok(Self { database: Some(postgres.pid()?), processing: Processing::Tables(client), ..peer })
    }
}

/// A program in Node that finds the cluster.
fn node(postgres: &Postgres, program: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(program).current_dir(FOLDER);
    command.env("PGHOST", &postgres.socket).env("PGPORT", postgres.port().to_string());
    command
}

/// Payloads that wait for the worker.
pub(super) async fn waiting(client: &Client) -> Result<u64> {
    count(client, "SELECT count(*) FROM story.payloads WHERE NOT processed").await
}

/// Rows that the worker has inserted.
pub(super) async fn stored(client: &Client) -> Result<u64> {
    count(client, "SELECT count(*) FROM story.events").await
}

/// What the tables take on disk, with their indexes.
pub(super) async fn kept_bytes(client: &Client) -> Result<u64> {
    client.batch_execute("CHECKPOINT").await?;
    count(client, "SELECT pg_database_size(current_database())").await
}

async fn count(client: &Client, sql: &str) -> Result<u64> {
    let count: i64 = client.query_one(sql, &[]).await?.get(0);
    Ok(u64::try_from(count)?)
}
