//! End to end: raw requests in, deduplicated and enriched rows out. The highest rate at which the
//! backlog does not grow, for each peer in turn.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::contender::{Contender, Field};
use crate::disk;
use crate::flat::Backlog;
use crate::load::{Load, Outcome};
use crate::numbers::{ms, per};
use crate::peer::Peer;
use crate::results::{Kind, Results, Turn};
use crate::usage::Usage;

/// How long everything is sent as fast as it is answered, for a first guess.
const BURST: Duration = Duration::from_millis(1_500);
/// How much faster or slower the next trial is while no rate is known to be too high, or sustained.
const STEP: f64 = 1.25;
/// Trials that look for the rate.
const TRIALS: usize = 6;
/// How much slower the next run is, if a sustained one was not flat.
const BACK: f64 = 0.93;
/// Sustained runs.
const RUNS: usize = 6;
/// How often to look at the backlog.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What is measured.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Numbers of connections.
    pub(crate) connections: Vec<usize>,
    /// Numbers of events in a request.
    pub(crate) events: Vec<usize>,
    /// How long a trial takes.
    pub(crate) trial: Duration,
    /// For how long the rate must be sustained.
    pub(crate) sustained: Duration,
    /// How often each peer is measured.
    pub(crate) rounds: usize,
}

/// Measures, and adds each turn to the results.
pub(crate) async fn measure(plan: &Plan, folder: &Path, results: &mut Results) -> Result<()> {
    let field = Field::gather(&Contender::END_TO_END, folder, results).await?;
    for &events in &plan.events {
        for &connections in &plan.connections {
            for round in 0..plan.rounds {
                results.sync_ms.push(ms(disk::sync_time(folder)?));
                for contender in field.in_order(round) {
                    let turn = take_turn(&field, contender, plan, connections, events).await?;
                    println!(
                        "  {connections:>3} connections, {events:>3} events, {:<14} {:>8.0} events/s sustained, {:>6.0} bytes written and {:>5.0} kept an event",
                        turn.peer,
                        turn.events_per_s(),
                        turn.written_bytes,
                        turn.kept_bytes.unwrap_or(f64::NAN),
                    );
                    results.turns.push(turn);
                }
            }
        }
    }
    Ok(())
}

async fn take_turn(
    field: &Field,
    contender: Contender,
    plan: &Plan,
    connections: usize,
    events: usize,
) -> Result<Turn> {
    let folder = tempfile::tempdir_in(&field.folder)?;
    let mut peer = field.start(contender, folder.path()).await?.with_traffic(events, true);
    let empty_bytes = peer.kept_bytes().await?;
    let search = Search { peer: &peer, connections, plan };
    let mut rate = search.find().await?;
    let mut sustained = None;
    for _ in 0..RUNS {
        if let Some(run) = search.sustain(rate).await? {
            sustained = Some(run);
            break;
        }
        rate *= BACK;
    }
    let Some((outcome, used, stored)) = sustained else {
        bail!("{} sustains no rate near {rate:.0} requests/s", contender.name());
    };
    let all = peer.stored().await?;
    check(contender, &peer, all)?;
    // What a server holds in memory or in a log until it ends belongs to what it keeps.
    if contender == Contender::Lamplight {
        peer.stop().await?;
    }
    let kept = peer.kept_bytes().await?.saturating_sub(empty_bytes);
    Ok(Turn {
        kind: Kind::EndToEnd,
        peer: contender.name().into(),
        connections,
        events,
        seconds: plan.sustained.as_secs_f64(),
        requests_per_s: outcome.rate,
        p50_ms: ms(outcome.p50),
        p99_ms: ms(outcome.p99),
        refused: outcome.refused,
        cpu_us: per(used.processor.as_micros(), stored),
        written_bytes: per(used.written_bytes.into(), stored),
        kept_bytes: Some(per(kept.into(), usize::try_from(all)?)),
    })
}

/// Fails unless each distinct event is stored once.
fn check(contender: Contender, peer: &Peer, stored: u64) -> Result<()> {
    let crate::load::Requests::Numbered(traffic, _) = &peer.requests else { return Ok(()) };
    let distinct = traffic.distinct_events(peer.requests.made());
    ensure!(
        stored == distinct,
        "{} stored {stored} events of {distinct}: it does not do what is compared",
        contender.name()
    );
    Ok(())
}

/// Looks for the highest rate that one peer sustains.
struct Search<'a> {
    peer: &'a Peer,
    connections: usize,
    plan: &'a Plan,
}

impl Search<'_> {
    /// A rate that short trials say is sustained, in requests per second.
    async fn find(&self) -> Result<f64> {
        let mut rate = self.guess().await?;
        let (mut flat, mut growing): (Option<f64>, Option<f64>) = (None, None);
        for _ in 0..TRIALS {
            let (_, backlog) = self.run(self.plan.trial, Some(rate)).await?;
            self.peer.finish().await?;
            if backlog.is_flat(rate) {
                flat = Some(rate);
            } else {
                growing = Some(rate);
            }
            rate = match (flat, growing) {
                (Some(flat), Some(growing)) if growing / flat < 1.06 => return Ok(flat),
                (Some(flat), Some(growing)) => (flat * growing).sqrt(),
                (Some(flat), None) => flat * STEP,
                (None, growing) => growing.unwrap_or(rate) / STEP,
            };
        }
        Ok(flat.unwrap_or(rate))
    }

    /// What is answered and what is processed, each alone, share the processors.
    async fn guess(&self) -> Result<f64> {
        let (burst, _) = self.run(BURST, None).await?;
        let (left, started) = (self.peer.waiting().await?, Instant::now());
        self.peer.finish().await?;
        let processed_s = per(started.elapsed().as_micros(), usize::try_from(left.max(1))?) / 1e6;
        Ok(1.0 / (1.0 / burst.rate.max(1.0) + processed_s))
    }

    /// What a sustained run did, what it used and how many events it stored. `None` if the backlog
    /// grew.
    async fn sustain(&self, rate: f64) -> Result<Option<(Outcome, Usage, usize)>> {
        let stored = self.peer.stored().await?;
        let before = Usage::of(&self.peer.roots())?;
        let (outcome, backlog) = self.run(self.plan.sustained, Some(rate)).await?;
        self.peer.finish().await?;
        let used = Usage::of(&self.peer.roots())? - before;
        let stored = usize::try_from(self.peer.stored().await? - stored)?;
        let is_sustained = backlog.is_flat(rate) && outcome.rate > 0.98 * rate;
        Ok(is_sustained.then_some((outcome, used, stored)))
    }

    /// Loads the peer, and looks at its backlog meanwhile.
    async fn run(&self, turn: Duration, rate: Option<f64>) -> Result<(Outcome, Backlog)> {
        let load = Load { connections: self.connections, turn, rate };
        let (outcome, backlog) =
            tokio::try_join!(load.run(self.peer), Backlog::watch(self.peer, turn, LOOK_EVERY))?;
        ensure!(outcome.refused == 0, "{} requests were refused", outcome.refused);
        Ok((outcome, backlog))
    }
}
