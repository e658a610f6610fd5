//! Durable intake: one server, two servers, and Node with one INSERT for each request, on the same
//! cluster in turn. Processing is held meanwhile, which shares the processors otherwise. One more
//! turn of one server has it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio_postgres::Client;

use super::cost::Cost;
use crate::load::{Load, Outcome};
use crate::numbers::median;
use crate::peer::Peer;
use crate::postgres::Postgres;
use crate::slowed::Slowed;
use crate::{CONNECTIONS, ROUNDS};

/// The database that is filled.
pub(super) const DATABASE: &str = "intake";
/// That of Node.
const NODE: &str = "postgres";
/// The ratios to Node that are the goal, for each number of connections.
const GOALS: [f64; CONNECTIONS.len()] = [1.5, 2.0, 2.5];

/// Connections to each server where the database has room.
const ROOM_CONNECTIONS: usize = 64;

/// Whether what the servers take is processed at the same time, or afterwards.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Processing {
    Held,
    Meanwhile,
}

/// What one turn did.
struct Turn {
    rate: f64,
    p99_ms: f64,
    /// Processor time of the connections that store payloads, in microseconds a payload.
    intake_us: f64,
}

/// Measures and prints.
pub(super) async fn measure(cluster: &Postgres, folder: &Path, turn: Duration) -> Result<Value> {
    cluster.create(DATABASE).await?;
    let url = cluster.url(DATABASE);
    let one = Peer::lamplight_on(&url, &folder.join("one")).await?;
    let two = Peer::lamplight_on(&url, &folder.join("two")).await?;
    let node = Peer::node_pg(cluster).await?;
    println!(
        "\nPOSTs of 10 events, each answered once it is on disk, and processed afterwards; medians of {ROUNDS} turns"
    );
    println!(
        "connections  one/s  two/s  node/s  one:node  goal  two:one   p99 one/node   database: us a payload, one/node  ratio   one/s if processed meanwhile"
    );
    let mut lines = Vec::new();
    for (connections, goal) in CONNECTIONS.into_iter().zip(GOALS) {
        let (mut ones, mut twos, mut nodes) = (Vec::new(), Vec::new(), Vec::new());
        let mut busy = Vec::new();
        let load = Load { connections, turn, rate: None };
        for _ in 0..ROUNDS {
            ones.push(take_turn(cluster, DATABASE, &[&one], load, Processing::Held).await?);
            twos.push(take_turn(cluster, DATABASE, &[&one, &two], load, Processing::Held).await?);
            nodes.push(take_turn(cluster, NODE, &[&node], load, Processing::Meanwhile).await?);
            busy.push(take_turn(cluster, DATABASE, &[&one], load, Processing::Meanwhile).await?);
        }
        let of = |turns: &[Turn], of: fn(&Turn) -> f64| median(turns.iter().map(of).collect());
        let rate = |turns: &[Turn]| of(turns, |turn| turn.rate);
        let p99 = |turns: &[Turn]| of(turns, |turn| turn.p99_ms);
        let intake = |turns: &[Turn]| of(turns, |turn| turn.intake_us);
        println!(
            "{connections:>11} {:>6.0} {:>6.0} {:>7.0} {:>8.2}x {goal:>4.1}x {:>7.2}x {:>6.1}/{:>6.1} ms {:>25.0}/{:>4.0} {:>10.2} {:>28.0}",
            rate(&ones),
            rate(&twos),
            rate(&nodes),
            rate(&ones) / rate(&nodes),
            rate(&twos) / rate(&ones),
            p99(&ones),
            p99(&nodes),
            intake(&ones),
            intake(&nodes),
            intake(&ones) / intake(&nodes),
            rate(&busy),
        );
        lines.push(json!({
            "connections": connections,
            "one_per_s": rate(&ones), "two_per_s": rate(&twos), "node_per_s": rate(&nodes),
            "of_node": rate(&ones) / rate(&nodes), "goal": goal,
            "p99_ms": p99(&ones), "node_p99_ms": p99(&nodes),
            "intake_us": intake(&ones), "node_intake_us": intake(&nodes),
            "busy_per_s": rate(&busy),
        }));
    }
    let room = with_room(cluster, [&one, &two], turn).await?;
    Ok(json!({ "turns": lines, "with_room": room }))
}

/// Measures what a second server adds where the database can take more than one server gives it. On
/// a machine of few processors it cannot, so the servers are slowed down. Each has its own clients.
async fn with_room(cluster: &Postgres, [one, two]: [&Peer; 2], turn: Duration) -> Result<Value> {
    let slowed = |peer: &Peer| Slowed::new(peer.pid().context("a server without a process")?);
    let (mut ones, mut twos) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (peers, rates) in [(&[one][..], &mut ones), (&[one, two][..], &mut twos)] {
            let load = Load { connections: ROOM_CONNECTIONS * peers.len(), turn, rate: None };
            let holder = hold_processing(cluster).await?;
            let slow = peers.iter().map(|peer| slowed(peer)).collect::<Result<Vec<_>>>()?;
            let outcomes = run(peers, load).await?;
            drop(slow);
            holder.batch_execute("COMMIT").await?;
            rates.push(outcomes.iter().map(|outcome| outcome.rate).sum());
            for peer in peers {
                peer.finish().await?;
            }
        }
    }
    let (ones, twos) = (median(ones), median(twos));
    println!(
        "servers that run for a quarter of the time, {ROOM_CONNECTIONS} connections each: one {ones:.0}/s, two {twos:.0}/s, two:one {:.2}x, goal 1.5x",
        twos / ones
    );
    Ok(json!({ "connections_each": ROOM_CONNECTIONS, "one_per_s": ones, "two_per_s": twos }))
}

/// Loads the peers at the same time, each with its share of the connections.
async fn run(peers: &[&Peer], load: Load) -> Result<Vec<Outcome>> {
    let load = Load { connections: load.connections / peers.len(), ..load };
    match peers {
        [one, two] => {
            let (one, two) = tokio::join!(load.run(one), load.run(two));
            Ok(vec![one?, two?])
        }
        _ => Ok(vec![load.run(peers[0]).await?]),
    }
}

/// Loads the peers, and waits until what they took is processed.
async fn take_turn(
    cluster: &Postgres,
    database: &str,
    peers: &[&Peer],
    load: Load,
    processing: Processing,
) -> Result<Turn> {
    let holder = match processing {
        Processing::Held => Some(hold_processing(cluster).await?),
        Processing::Meanwhile => None,
    };
    let before = Cost::of(cluster)?;
    let outcomes = run(peers, load).await?;
    let writers = writers(cluster, database).await?;
    let after = Cost::of(cluster)?;
    if let Some(holder) = holder {
        holder.batch_execute("COMMIT").await?;
    }
    for peer in peers {
        peer.finish().await?;
    }
    let payloads: f64 = outcomes.iter().map(|it| it.rate * load.turn.as_secs_f64()).sum();
    let us = |time: Duration| time.as_secs_f64() * 1e6 / payloads;
    Ok(Turn {
        rate: outcomes.iter().map(|it| it.rate).sum(),
        p99_ms: outcomes.iter().map(p99_ms).fold(0.0, f64::max),
        intake_us: us(after.of_since(&writers, &before)),
    })
}

/// Keeps workers from applying anything until the transaction of this connection ends. It lasts for
/// less time than they wait for a lock.
async fn hold_processing(cluster: &Postgres) -> Result<Client> {
    let client = cluster.client(DATABASE).await?;
    client.batch_execute("BEGIN; LOCK TABLE lamplight.applied IN ACCESS EXCLUSIVE MODE").await?;
    Ok(client)
}

fn p99_ms(outcome: &Outcome) -> f64 {
    outcome.p99.as_secs_f64() * 1e3
}

/// The processes of the connections that stored payloads last.
async fn writers(cluster: &Postgres, database: &str) -> Result<Vec<u32>> {
    let sql = "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND query ILIKE '%insert into payloads%' \
         AND pid <> pg_backend_pid()";
    let rows = cluster.client("postgres").await?.query(sql, &[&database]).await?;
    rows.iter().map(|row| Ok(row.get::<_, i32>(0).cast_unsigned())).collect()
}
