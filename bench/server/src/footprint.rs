//! The server's footprint: memory while idle, time to the first response, and memory under
//! overload.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::load::{Load, send_one};
use crate::numbers::ms;
use crate::peer::{Peer, binary};

/// Connections that each have a request in flight at ten times the highest level that is measured.
const OVERLOAD_CONNECTIONS: usize = 2_560;

/// The result.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Footprint {
    /// From the start of the process, with a fresh data directory, to the first durable response.
    pub(crate) first_answer_ms: f64,
    /// Resident memory after that, while idle.
    pub(crate) idle_mib: f64,
    /// The peak of resident memory in 10 seconds of overload.
    pub(crate) overload_mib: f64,
    /// Responses other than 200 under overload: requests that were told to retry.
    pub(crate) overload_refused: usize,
    /// Responses per second under overload.
    pub(crate) overload_per_s: f64,
    /// The size of the program.
    pub(crate) binary_mib: f64,
}

/// Measures it, in `folder`.
pub(crate) async fn measure(folder: &Path) -> Result<Footprint> {
    let mut firsts = Vec::new();
    for turn in 0..5 {
        let started = Instant::now();
        let peer = Peer::lamplight(&folder.join(format!("start-{turn}")), None).await?;
        answer(&peer).await?;
        firsts.push(started.elapsed());
    }
    firsts.sort_unstable();
    let peer = Peer::lamplight(&folder.join("memory"), None).await?;
    answer(&peer).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let idle_mib = resident_mib(&peer, "VmRSS:")?;
    let load =
        Load { connections: OVERLOAD_CONNECTIONS, turn: Duration::from_secs(10), rate: None };
    let overload = load.run(&peer).await?;
    #[allow(clippy::cast_precision_loss)]
    let binary_mib = std::fs::metadata(binary()?)?.len() as f64 / f64::from(1 << 20);
    Ok(Footprint {
        first_answer_ms: ms(firsts[firsts.len() / 2]),
        idle_mib,
        overload_mib: resident_mib(&peer, "VmHWM:")?,
        overload_refused: overload.refused,
        overload_per_s: overload.rate,
        binary_mib,
    })
}

/// Sends one request and waits for its answer.
async fn answer(peer: &Peer) -> Result<()> {
    anyhow::ensure!(send_one(peer).await? == 200, "the first answer is not 200");
    Ok(())
}

/// A figure of the process, as Linux counts it (proc(5)).
fn resident_mib(peer: &Peer, field: &str) -> Result<f64> {
    let pid = peer.pid().context("the server has no process")?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with(field)).context("no such figure")?;
    let kib: f64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
    Ok(kib / 1024.0)
}
