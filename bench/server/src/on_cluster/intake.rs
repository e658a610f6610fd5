//! Durable intake of one server: on three nodes of NATS that sync, on one `PostgreSQL`, and on its
//! own disk. Processing goes on meanwhile in all three. With the first two, it is also held, which
//! leaves the processors to intake.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tokio_postgres::Client;

use super::nats::Nats;
use crate::load::Load;
use crate::numbers::{median, ms};
use crate::peer::Peer;
use crate::postgres::Postgres;
use crate::{CONNECTIONS, ROUNDS, disk};

const ALONE: &str = "alone";
const BEHIND_NATS: &str = "behind_nats";

/// What is measured with each number of connections.
const COLUMNS: [&str; 5] =
    ["NATS", "PostgreSQL", "embedded", "NATS, processing held", "PostgreSQL, processing held"];

/// Measures and prints.
pub(super) async fn measure(cluster: &Postgres, folder: &Path, turn: Duration) -> Result<Value> {
    for database in [ALONE, BEHIND_NATS] {
        cluster.create(database).await?;
    }
    let nats = Nats::start(folder).await?;
    let (intake, database) = (nats.url(), cluster.url(BEHIND_NATS));
    let settings = [("LAMPLIGHT_INTAKE_URL", &*intake), ("LAMPLIGHT_DATABASE_URL", &*database)];
    let in_front = Peer::lamplight_with(&settings, &folder.join("in-front")).await?;
    let alone = Peer::lamplight_on(&cluster.url(ALONE), &folder.join("on-postgres")).await?;
    let own = folder.join("embedded");
    std::fs::create_dir_all(&own)?;
    let embedded = Peer::lamplight(&own, None).await?;
    let turns = [
        (&in_front, None),
        (&alone, None),
        (&embedded, None),
        (&in_front, Some(BEHIND_NATS)),
        (&alone, Some(ALONE)),
    ];
    println!(
        "\nPOSTs of 10 events, each answered once it is on disk; payloads a second and p99 in ms, medians of {ROUNDS} turns"
    );
    let mut lines = Vec::new();
    for connections in CONNECTIONS {
        lines.push(compare(cluster, folder, &turns, Load { connections, turn, rate: None }).await?);
    }
    Ok(lines.into())
}

/// A server, and the database whose processing is held in its turn.
type Turn<'a> = (&'a Peer, Option<&'static str>);

/// Lets the servers take turns with one load.
async fn compare(
    cluster: &Postgres,
    folder: &Path,
    turns: &[Turn<'_>; COLUMNS.len()],
    load: Load,
) -> Result<Value> {
    let mut rates = [const { Vec::new() }; COLUMNS.len()];
    let mut p99s = [const { Vec::new() }; COLUMNS.len()];
    let (mut refused, mut syncs) = (0, Vec::new());
    for _ in 0..ROUNDS {
        syncs.push(ms(disk::sync_time(folder)?));
        for (at, (peer, held)) in turns.iter().enumerate() {
            let holder = match held {
                Some(database) => Some(hold_processing(cluster, database).await?),
                None => None,
            };
            let outcome = load.run(peer).await?;
            if let Some(holder) = holder {
                holder.batch_execute("COMMIT").await?;
            }
            peer.finish().await?;
            rates[at].push(outcome.rate);
            p99s[at].push(ms(outcome.p99));
            refused += outcome.refused;
        }
    }
    let (rates, p99s, sync) = (rates.map(median), p99s.map(median), median(syncs));
    let connections = load.connections;
    println!("{connections} connections, sync {sync:.2} ms, {refused} refused");
    for ((column, rate), p99) in COLUMNS.into_iter().zip(rates).zip(p99s) {
        println!("  {column:<28} {rate:>7.0}/s   p99 {p99:>6.1} ms");
    }
    let [nats, postgres, embedded, nats_held, postgres_held] = rates;
    let (of_postgres, of_embedded) = (nats / postgres, nats / embedded);
    let held = nats_held / postgres_held;
    println!(
        "  NATS:PostgreSQL {of_postgres:.2}, NATS:embedded {of_embedded:.2}; with processing held \
         NATS:PostgreSQL {held:.2}"
    );
    Ok(json!({
        "connections": connections, "sync_ms": sync, "refused": refused,
        "columns": COLUMNS, "per_s": rates, "p99_ms": p99s,
        "nats_of_postgres": of_postgres, "nats_of_embedded": of_embedded,
        "held_nats_of_postgres": held,
    }))
}

/// Keeps workers from applying anything until the transaction of this connection ends.
async fn hold_processing(cluster: &Postgres, database: &str) -> Result<Client> {
    let client = cluster.client(database).await?;
    client.batch_execute("BEGIN; LOCK TABLE lamplight.applied IN ACCESS EXCLUSIVE MODE").await?;
    Ok(client)
}
