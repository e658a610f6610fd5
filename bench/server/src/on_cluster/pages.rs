//! A fixed number of payloads from pages that number their events, and the time until the events of
//! all are stored.

use std::net::SocketAddr;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use lamplight_server::system::entropy::{Entropy, SystemEntropy};
use lamplight_wire::Producer;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::load::exchange;
use crate::peer::Peer;
use crate::process::per_second;
use crate::traffic::KEY;

/// How many pages send at the same time, each over one connection. Each waits for its answer before
/// it sends again, so fewer would measure how long a commit takes.
const PAGES: u64 = 256;
/// How many payloads each sends, one after the other.
const PAYLOADS: u64 = 80;
const EVENTS: u64 = 10;

/// Sends to a server, and waits until it has stored everything. Returns events per second.
pub(super) async fn send(peer: &Peer) -> Result<f64> {
    let (begun, address) = (Instant::now(), peer.address);
    let mut pages = JoinSet::new();
    for _ in 0..PAGES {
        let producer = producer()?;
        pages.spawn(async move { page(address, producer).await });
    }
    while let Some(page) = pages.join_next().await {
        page??;
    }
    peer.finish().await?;
    Ok(per_second(PAGES * PAYLOADS * EVENTS, begun.elapsed()))
}

/// The name of a page that starts now.
fn producer() -> Result<Producer> {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    Ok(Producer::begun_at(u64::try_from(now_ms)?, SystemEntropy.bits()?))
}

async fn page(address: SocketAddr, producer: Producer) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4096);
    for payload in 0..PAYLOADS {
        let request = request(producer, payload * EVENTS);
        let status = exchange(&mut stream, &request, &mut buffer).await;
        match status.context("failed to send a payload")? {
            200 => {}
            status => bail!("a payload was answered with {status}"),
        }
    }
    Ok(())
}

/// The events of a page after those that it has sent.
fn request(producer: Producer, sent: u64) -> Vec<u8> {
    let event = |seq: u64| {
        serde_json::json!({
            "name": "product_viewed",
            "producer": producer.to_string(),
            "seq": sent + seq,
            "properties": { "sku": "A-1029-blue", "price": 49.9, "list": "spring", "position": seq, "note": "n".repeat(120) },
        })
    };
    let body = (1..=EVENTS).map(event).collect::<serde_json::Value>().to_string();
    format!(
        "POST /v1/events?key={KEY} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
