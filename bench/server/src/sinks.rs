//! How fast a backlog is delivered to Mixpanel, beside the same requests made in advance and sent
//! by a plain loop.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::post;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::api::call;
use crate::load::Load;
use crate::peer::Peer;

/// Events of the backlog.
const EVENTS: u64 = 200_000;
/// Events of one POST to the server.
const PAYLOAD_EVENTS: u64 = 500;
/// Events of one request to Mixpanel, and requests under way: what the sink itself does.
const REQUEST: (usize, usize) = (2_000, 4);
/// How long the backlog may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// A stand-in for Mixpanel that decompresses each request and counts its events.
struct StandIn {
    address: SocketAddr,
    events: Arc<AtomicU64>,
}

impl StandIn {
    async fn start() -> Result<Self> {
        let events = Arc::new(AtomicU64::new(0));
        let app = Router::new()
            .route("/import", post(count))
            .layer(DefaultBodyLimit::max(4 << 20))
            .with_state(Arc::clone(&events));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { address, events })
    }
}

async fn count(State(events): State<Arc<AtomicU64>>, body: Bytes) -> String {
    let (mut text, mut found) = (String::new(), 0);
    if GzDecoder::new(&*body).read_to_string(&mut text).is_ok() {
        found = text.matches("\"$insert_id\":").count();
        events.fetch_add(found as u64, Ordering::SeqCst);
    }
    format!(r#"{{"code":200,"num_records_imported":{found},"status":"OK"}}"#)
}

/// How fast a backlog is delivered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SinkRates {
    /// Events per second, from the database.
    pub(crate) events_per_s: f64,
    /// Events per second in the same requests, prepared in advance.
    pub(crate) prepared_per_s: f64,
}

/// Measures.
pub(crate) async fn run(folder: &Path) -> Result<SinkRates> {
    let stand_in = StandIn::start().await?;
    let config = folder.join("sinks.toml");
    let url = format!("http://{}", stand_in.address);
    std::fs::write(
        &config,
        format!("[sinks.mixpanel]\nkind = 'mixpanel'\ntoken = 'bench'\nurl = '{url}'\n"),
    )?;
    let server = Peer::lamplight(&folder.join("sinks"), Some(&config)).await?;
    call(server.address, "POST", "/api/sinks/mixpanel/pause", "").await?;
    for number in 0..EVENTS / PAYLOAD_EVENTS {
        call(server.address, "POST", "/v1/logs", &payload(number)).await?;
    }
    settled(server.address).await?;

    let started = Instant::now();
    call(server.address, "POST", "/api/sinks/mixpanel/resume", "").await?;
    while stand_in.events.load(Ordering::SeqCst) < EVENTS {
        if started.elapsed() > PATIENCE {
            bail!("the backlog did not leave within {PATIENCE:?}");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    #[allow(clippy::cast_precision_loss)]
    let rate = EVENTS as f64 / started.elapsed().as_secs_f64();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let sink = &call(server.address, "GET", "/api/totals", "").await?["sinks"]["mixpanel"];
    if sink["sent"] != EVENTS || stand_in.events.load(Ordering::SeqCst) != EVENTS {
        bail!("not each event was sent once: {sink}");
    }

    let bare = Peer::bare(stand_in.address, prepared()?);
    let turn = Duration::from_secs(4);
    let bare = Load { connections: REQUEST.1, turn, rate: None }.run(&bare).await?;
    #[allow(clippy::cast_precision_loss)]
    let prepared_per_s = bare.rate * REQUEST.0 as f64;
    Ok(SinkRates { events_per_s: rate, prepared_per_s })
}

fn payload(number: u64) -> String {
    let events: Vec<Value> = (0..PAYLOAD_EVENTS)
        .map(|at| {
            json!({
                "name": "product_viewed",
                "user": { "id": format!("user-{}", (number * PAYLOAD_EVENTS + at) % 5_000) },
                "properties": { "sku": "A-1029-blue", "price": 49.9, "list": "spring", "position": at, "note": "n".repeat(120) },
                "context": { "page": "https://shop.example/products/a-1029", "locale": "en-GB" },
            })
        })
        .collect();
    Value::from(events).to_string()
}

/// Sends the same request repeatedly: what the sink would send, compressed once.
fn prepared() -> Result<Vec<u8>> {
    let events: Vec<Value> = (0..REQUEST.0)
        .map(|at| {
            json!({
                "event": "product_viewed",
                "properties": {
                    "time": 1_790_000_000_000_u64, "distinct_id": format!("user-{at}"),
                    "$insert_id": format!("0190aaaa-bbbb-7ccc-8ddd-{at:012}"), "$user_id": format!("user-{at}"),
                    "$current_url": "https://shop.example/products/a-1029", "locale": "en-GB",
                    "sku": "A-1029-blue", "price": 49.9, "list": "spring", "position": at, "note": "n".repeat(120),
                },
            })
        })
        .collect();
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(Value::from(events).to_string().as_bytes())?;
    let body = packer.finish()?;
    let head = format!(
        "POST /import?strict=1 HTTP/1.1\r\nHost: bench\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    Ok([head.into_bytes(), body].concat())
}

async fn settled(address: SocketAddr) -> Result<()> {
    let started = Instant::now();
    loop {
        let totals = call(address, "GET", "/api/totals", "").await?;
        if totals["queue"]["depth"] == 0 && totals["stored"] == EVENTS {
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            bail!("the server did not process {EVENTS} events within {PATIENCE:?}: {totals}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
