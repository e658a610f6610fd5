//! Processing, beside a bare COPY of the same rows into a table with the same indexes.

use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_postgres::Client;

use crate::ROUNDS;
use crate::numbers::median;
use crate::postgres::Postgres;
use crate::process::{BATCH, Bench, EVENTS, Numbering, WORKERS, per_second};

/// The database that processing fills.
pub(super) const DATABASE: &str = "processing";
/// Connections that copy, and the table of each number of them.
const COPIERS: [(usize, &str); 2] = [(1, "public.copied_by_one"), (2, "public.copied_by_two")];
/// What a binary copy begins and ends with.
const HEADER: usize = 19;
const BEGIN: &[u8; HEADER] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const END: &[u8; 2] = &(-1_i16).to_be_bytes();

/// Measures and prints.
pub(super) async fn measure(cluster: &Postgres) -> Result<Value> {
    cluster.create(DATABASE).await?;
    let client = cluster.client(DATABASE).await?;
    let mut bench = Bench::open_on(&cluster.url(DATABASE)).await?;
    let kinds = [
        ("numbered, pages that send in turn", Numbering::Pages),
        ("numbered, a new page for each payload", Numbering::Numbered),
        ("not numbered", Numbering::Anonymous),
    ];
    let mut rates = [const { Vec::new() }; 3];
    let mut copied = [const { Vec::new() }; COPIERS.len()];
    for round in 0..ROUNDS {
        for ((_, numbering), rates) in kinds.into_iter().zip(&mut rates) {
            let before = last_id(&client).await?;
            rates.push(bench.process(numbering, WORKERS).await?);
            if numbering != Numbering::Pages {
                continue;
            }
            let table = partition(&client).await?;
            let batches = batches(&client, &table, before).await?;
            for ((copiers, copy), rates) in COPIERS.into_iter().zip(&mut copied) {
                if round == 0 {
                    let sql = format!("CREATE TABLE {copy} (LIKE {table} INCLUDING ALL)");
                    client.batch_execute(&sql).await?;
                }
                rates.push(copy_all(cluster, copy, batches.clone(), copiers).await?);
            }
        }
    }
    bench.close().await?;
    let [one, two] = copied.map(median);
    println!("\nprocessing with {WORKERS} workers, in events a second; medians of {ROUNDS} turns");
    println!("  COPY of the same rows, one connection     {one:>8.0}");
    println!("  COPY of the same rows, two connections    {two:>8.0}");
    let mut lines = Vec::new();
    for ((what, _), rates) in kinds.into_iter().zip(rates) {
        let rate = median(rates);
        println!(
            "  processed, {what:<38} {rate:>8.0}   {:.2} and {:.2} of COPY",
            rate / one,
            rate / two
        );
        lines.push(
            json!({ "what": what, "per_s": rate, "of_one": rate / one, "of_two": rate / two }),
        );
    }
    Ok(json!({ "copy_one_per_s": one, "copy_two_per_s": two, "processed": lines }))
}

/// The id of the newest row.
async fn last_id(client: &Client) -> Result<uuid::Uuid> {
    let sql = "SELECT id FROM lamplight.events ORDER BY id DESC LIMIT 1";
    Ok(client.query_opt(sql, &[]).await?.map_or(uuid::Uuid::nil(), |row| row.get(0)))
}

/// The partition of the newest row.
async fn partition(client: &Client) -> Result<String> {
    let sql = "SELECT tableoid::regclass::text FROM lamplight.events ORDER BY id DESC LIMIT 1";
    Ok(client.query_one(sql, &[]).await?.get(0))
}

/// The rows after an id, as binary copies of as many rows as a worker applies at a time.
async fn batches(client: &Client, table: &str, after: uuid::Uuid) -> Result<Vec<(Bytes, u64)>> {
    let sql = format!(
        "COPY (SELECT * FROM {table} WHERE id > '{after}' ORDER BY id) TO STDOUT (FORMAT binary)"
    );
    let mut stream = std::pin::pin!(client.copy_out(&sql).await?);
    let mut all = Vec::new();
    while let Some(chunk) = stream.next().await {
        all.extend_from_slice(&chunk?);
    }
    let rows_max = BATCH as u64 * EVENTS;
    let (mut batches, mut batch, mut rows, mut at) = (Vec::new(), BEGIN.to_vec(), 0, HEADER);
    loop {
        let end = end_of_row(&all, at).context("a binary copy that ends early")?;
        if let Some(end) = end {
            batch.extend_from_slice(&all[at..end]);
            (rows, at) = (rows + 1, end);
        }
        if rows > 0 && (end.is_none() || rows == rows_max) {
            batch.extend_from_slice(END);
            batches.push((std::mem::replace(&mut batch, BEGIN.to_vec()).into(), rows));
            rows = 0;
        }
        if end.is_none() {
            return Ok(batches);
        }
    }
}

/// Where the row ends that begins at `at`. The end of the copy is no row.
#[expect(clippy::option_option, reason = "outside: whether the copy can be read; inside: the row")]
fn end_of_row(copy: &[u8], mut at: usize) -> Option<Option<usize>> {
    let fields = i16::from_be_bytes(copy.get(at..at + 2)?.try_into().ok()?);
    if fields < 0 {
        return Some(None);
    }
    at += 2;
    for _ in 0..fields {
        let bytes = i32::from_be_bytes(copy.get(at..at + 4)?.try_into().ok()?);
        at += 4 + usize::try_from(bytes).unwrap_or(0);
    }
    Some(Some(at))
}

/// Copies the batches, each in a transaction, over some connections. Returns rows per second.
async fn copy_all(
    cluster: &Postgres,
    table: &'static str,
    batches: Vec<(Bytes, u64)>,
    copiers: usize,
) -> Result<f64> {
    let rows = batches.iter().map(|(_, rows)| rows).sum();
    let mut clients = Vec::new();
    for _ in 0..copiers {
        clients.push(cluster.client(DATABASE).await?);
    }
    let started = std::time::Instant::now();
    let mut copying = JoinSet::new();
    for (number, client) in clients.into_iter().enumerate() {
        let own: Vec<Bytes> =
            batches.iter().skip(number).step_by(copiers).map(|(batch, _)| batch.clone()).collect();
        copying.spawn(async move {
            for batch in own {
                let sql = format!("COPY {table} FROM STDIN (FORMAT binary)");
                let mut sink = std::pin::pin!(client.copy_in(&sql).await?);
                sink.send(batch).await?;
                sink.finish().await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = copying.join_next().await {
        done??;
    }
    Ok(per_second(rows, started.elapsed()))
}
