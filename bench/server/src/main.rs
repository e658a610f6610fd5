//! Durable intake beside a bare axum hello and the disk's own sync time, turn by turn in one run; or, given the
//! argument `sinks`, a backlog that leaves for a sink.
#![forbid(unsafe_code)]
// A benchmark measures time and prints what it found.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

mod disk;
mod load;
mod peer;
mod report;
mod sinks;

use load::Load;
use peer::Peer;
use report::{Report, Row};

const CONNECTIONS: [usize; 3] = [16, 64, 256];
const ROUNDS: usize = 3;
const TURN: Duration = Duration::from_secs(4);

#[tokio::main]
async fn main() -> Result<()> {
    let data = tempfile::Builder::new().prefix("lamplight-bench-").tempdir_in(".")?;
    if std::env::args().nth(1).as_deref() == Some("sinks") {
        return sinks::run(data.path()).await;
    }
    let hello = Peer::hello().await?;
    let lamplight = Peer::lamplight(data.path(), None).await?;
    let mut report = Report::default();
    for connections in CONNECTIONS {
        for _ in 0..ROUNDS {
            report.add_sync(disk::sync_time(data.path())?);
            for peer in [&hello, &lamplight] {
                let outcome = Load { connections, turn: TURN }.run(peer).await?;
                report.add(Row { peer: peer.name, connections, outcome });
            }
        }
    }
    report.print();
    report.save(Path::new("bench/results/server.json"))
}
