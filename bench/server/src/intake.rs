//! Durable intake: each peer in turn gets requests on as many connections, and processes nothing
//! meanwhile.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::contender::{Contender, Field};
use crate::disk;
use crate::load::Load;
use crate::numbers::{ms, per};
use crate::results::{Kind, Results, Turn};
use crate::usage::Usage;

/// How long a peer works before it is measured. Node compiles what runs often.
const WARM_UP: Duration = Duration::from_millis(500);
/// The longest turn. Lamplight's writer of events waits for five seconds at most.
pub(crate) const TURN_MAX: Duration = Duration::from_secs(4);

/// What is measured.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Numbers of connections.
    pub(crate) connections: Vec<usize>,
    /// Numbers of events in a request.
    pub(crate) events: Vec<usize>,
    /// How long a turn takes.
    pub(crate) turn: Duration,
    /// How many turns each peer has.
    pub(crate) rounds: usize,
}

/// Measures, and adds each turn to the results.
pub(crate) async fn measure(plan: &Plan, folder: &Path, results: &mut Results) -> Result<()> {
    let field = Field::gather(&Contender::INTAKE, folder, results).await?;
    for &events in &plan.events {
        for &connections in &plan.connections {
            for round in 0..plan.rounds {
                results.sync_ms.push(ms(disk::sync_time(folder)?));
                for contender in field.in_order(round) {
                    let load = Load { connections, turn: plan.turn, rate: None };
                    let turn = take_turn(&field, contender, load, events).await?;
                    println!(
                        "  {connections:>3} connections, {events:>3} events, {:<18} {:>9.0} requests/s, p99 {:>7.2} ms",
                        turn.peer, turn.requests_per_s, turn.p99_ms
                    );
                    results.turns.push(turn);
                }
            }
        }
    }
    Ok(())
}

/// Starts the peer with nothing stored, loads it, and deletes what it stored.
async fn take_turn(field: &Field, contender: Contender, load: Load, events: usize) -> Result<Turn> {
    let folder = tempfile::tempdir_in(&field.folder)?;
    let peer = field.start(contender, folder.path()).await?.with_traffic(events, false);
    let held = peer.hold_processing()?;
    Load { turn: WARM_UP, ..load }.run(&peer).await?;
    let before = Usage::of(&peer.roots())?;
    let outcome = load.run(&peer).await?;
    let used = Usage::of(&peer.roots())? - before;
    // The server ends before it can process what is thrown away.
    drop(peer);
    drop(held);
    let count = outcome.accepted * events;
    Ok(Turn {
        kind: Kind::Intake,
        peer: contender.name().into(),
        connections: load.connections,
        events,
        seconds: load.turn.as_secs_f64(),
        requests_per_s: outcome.rate,
        p50_ms: ms(outcome.p50),
        p99_ms: ms(outcome.p99),
        refused: outcome.refused,
        cpu_us: per(used.processor.as_micros(), count),
        written_bytes: per(used.written_bytes.into(), count),
        kept_bytes: None,
    })
}
