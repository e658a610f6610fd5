//! A fixed number of connections, each repeating one request for a fixed time.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::peer::Peer;

/// The load.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// How many connections, each with one request in flight.
    pub(crate) connections: usize,
    /// How long.
    pub(crate) turn: Duration,
}

/// What one turn did.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// Responses per second.
    pub(crate) rate: f64,
    /// The median of response times.
    pub(crate) p50: Duration,
    /// The 99th percentile of response times.
    pub(crate) p99: Duration,
    /// Responses other than 200.
    pub(crate) refused: usize,
}

impl Load {
    /// Loads `peer` and returns the result.
    pub(crate) async fn run(&self, peer: &Peer) -> Result<Outcome> {
        let started = Instant::now();
        let end = started + self.turn;
        let mut connections = JoinSet::new();
        for _ in 0..self.connections {
            let (address, request) = (peer.address, peer.request.clone());
            connections.spawn(async move {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                repeat(stream, &request, end).await
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
        #[allow(clippy::cast_precision_loss)]
        let rate = times.len() as f64 / seconds;
        Ok(Outcome { rate, p50: at(50), p99: at(99), refused })
    }
}

async fn repeat(
    mut stream: TcpStream,
    request: &[u8],
    end: Instant,
) -> Result<(Vec<Duration>, usize)> {
    let (mut times, mut refused) = (Vec::new(), 0);
    let mut buffer = Vec::with_capacity(4096);
    while Instant::now() < end {
        let started = Instant::now();
        if exchange(&mut stream, request, &mut buffer).await? != 200 {
            refused += 1;
        }
        times.push(started.elapsed());
    }
    Ok((times, refused))
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
        let length: usize = answer
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case("content-length"))
            .and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok())
            .context("the answer has no length")?;
        let status = answer.code.context("the answer has no status")?;
        while buffer.len() < head + length {
            if stream.read_buf(buffer).await? == 0 {
                bail!("the peer closed the connection within an answer");
            }
        }
        return Ok(status);
    }
}
