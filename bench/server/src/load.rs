//! Connections that send requests for a fixed time: each as fast as it is answered, or all at a
//! rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::peer::Peer;
use crate::traffic::Traffic;

/// The load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// How many connections, each with one request in flight.
    pub(crate) connections: usize,
    /// How long.
    pub(crate) turn: Duration,
    /// Requests per second, over all connections. As many as are answered, if there is no rate.
    pub(crate) rate: Option<f64>,
}

/// What the requests of a peer are.
#[derive(Debug, Clone)]
pub(crate) enum Requests {
    /// Always the same one, head and body.
    Same(Arc<[u8]>),
    /// No two the same. The number of the next one.
    Numbered(Traffic, Arc<AtomicU64>),
}

impl Requests {
    /// Requests of this kind, from the first one on.
    pub(crate) fn numbered(traffic: Traffic) -> Self {
        Self::Numbered(traffic, Arc::default())
    }

    /// How many were made so far.
    pub(crate) fn made(&self) -> u64 {
        match self {
            Self::Same(_) => 0,
            Self::Numbered(_, next) => next.load(Ordering::SeqCst),
        }
    }

    /// Puts the next one in `out`.
    pub(crate) fn write_next(&self, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Same(request) => {
                out.clear();
                out.extend_from_slice(request);
            }
            Self::Numbered(traffic, next) => {
                traffic.write(next.fetch_add(1, Ordering::SeqCst), out)?;
            }
        }
        Ok(())
    }
}

/// What one turn did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// Requests that were accepted, per second.
    pub(crate) rate: f64,
    /// Requests that were accepted.
    pub(crate) accepted: usize,
    /// The median of response times.
    pub(crate) p50: Duration,
    /// The 99th percentile of response times.
    pub(crate) p99: Duration,
    /// Responses that say that the request was not accepted.
    pub(crate) refused: usize,
}

impl Load {
    /// Loads `peer` and returns the result.
    pub(crate) async fn run(&self, peer: &Peer) -> Result<Outcome> {
        let started = Instant::now();
        let end = started + self.turn;
        let schedule =
            self.rate.map(|rate| Arc::new(Schedule { started, rate, next: AtomicU64::new(0) }));
        let mut connections = JoinSet::new();
        for _ in 0..self.connections {
            let (address, requests, schedule) =
                (peer.address, peer.requests.clone(), schedule.clone());
            connections.spawn(async move {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                repeat(stream, &requests, schedule.as_deref(), end).await
            });
        }
        let (mut times, mut refused) = (Vec::new(), 0);
        while let Some(done) = connections.join_next().await {
            let (more_times, more_refused) = done??;
            times.extend(more_times);
            refused += more_refused;
        }
        let seconds = started.elapsed().as_secs_f64();
        times.sort_unstable();
        let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
        let accepted = times.len() - refused;
        #[allow(clippy::cast_precision_loss)]
        let rate = accepted as f64 / seconds;
        Ok(Outcome { rate, accepted, p50: at(50), p99: at(99), refused })
    }
}

/// When each request is due.
#[derive(Debug)]
struct Schedule {
    started: Instant,
    /// Per second.
    rate: f64,
    next: AtomicU64,
}

impl Schedule {
    /// Waits until the next request is due. It is sent at once if it is late.
    async fn wait(&self) {
        #[allow(clippy::cast_precision_loss)]
        let number = self.next.fetch_add(1, Ordering::Relaxed) as f64;
        let due = self.started + Duration::from_secs_f64(number / self.rate);
        if due > Instant::now() {
            tokio::time::sleep_until(due.into()).await;
        }
    }
}

async fn repeat(
    mut stream: TcpStream,
    requests: &Requests,
    schedule: Option<&Schedule>,
    end: Instant,
) -> Result<(Vec<Duration>, usize)> {
    let (mut times, mut refused) = (Vec::new(), 0);
    let (mut request, mut buffer) = (Vec::new(), Vec::with_capacity(4096));
    loop {
        if let Some(schedule) = schedule {
            schedule.wait().await;
        }
        if Instant::now() >= end {
            return Ok((times, refused));
        }
        requests.write_next(&mut request)?;
        let started = Instant::now();
        if !(200..300).contains(&exchange(&mut stream, &request, &mut buffer).await?) {
            refused += 1;
        }
        times.push(started.elapsed());
    }
}

/// Sends the next of the peer's requests on a connection of its own. Returns the status.
pub(crate) async fn send_one(peer: &Peer) -> Result<u16> {
    let mut stream = TcpStream::connect(peer.address).await?;
    let mut request = Vec::new();
    peer.requests.write_next(&mut request)?;
    exchange(&mut stream, &request, &mut Vec::new()).await
}

/// Sends a request and returns the status of its answer.
pub(crate) async fn exchange(
    stream: &mut TcpStream,
    request: &[u8],
    buffer: &mut Vec<u8>,
) -> Result<u16> {
    stream.write_all(request).await?;
    read_status(stream, buffer).await
}

/// Reads one whole answer and returns its status.
async fn read_status(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<u16> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the peer closed the connection");
        }
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut answer = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(head) = answer.parse(buffer)? else { continue };
        let status = answer.code.context("the answer has no status")?;
        // An answer without content needs no length.
        let length: usize = answer
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case("content-length"))
            .and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok())
            .or((status == 204).then_some(0))
            .context("the answer has no length")?;
        while buffer.len() < head + length {
            if stream.read_buf(buffer).await? == 0 {
                bail!("the peer closed the connection within an answer");
            }
        }
        return Ok(status);
    }
}
