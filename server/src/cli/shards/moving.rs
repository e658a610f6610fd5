//! `lamplight shards move`.

use std::io::Write;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use serde_json::json;

use super::super::Outcome;
use super::super::outcome::interrupt;
use super::{ShardMoveArgs, ShardsError};
use crate::counted::counted;
use crate::store::postgres::shards::{MoveOptions, MoveWatch, Moved, Mover, ShardError, Step};
use crate::system::clock::SystemClock;
use crate::system::entropy::{Entropy, SystemEntropy};
use crate::terminal::{Output, Progress, Unit};

/// Servers read the live view at least this often.
const STAY: Duration = Duration::from_secs(2);

/// How often somebody asked it to stop.
type Asked = Arc<AtomicU8>;

/// Moves buckets, and prints what was moved.
pub(super) async fn run(
    args: &ShardMoveArgs,
    now_ms: i64,
    out: &mut Output,
) -> Result<Outcome, ShardsError> {
    let urls = args.urls.urls()?;
    let mut mover = Mover::open(&urls, Arc::new(SystemClock)).await?;
    let installation = SystemEntropy.uuid_v7(now_ms)?;
    let options = MoveOptions {
        drain: args.drain.clone(),
        fill: args.fill.clone(),
        buckets_max: args.at_once.map(usize::from),
        stay: STAY,
    };
    let asked = Asked::default();
    let progress = Progress::of(Unit::Things("rows"));
    let mut shown = Shown { progress, asked: Arc::clone(&asked) };
    let done = {
        let mut moving = pin!(mover.run(&options, installation, &mut shown));
        loop {
            tokio::select! {
                done = &mut moving => break done,
                () = interrupt() => {
                    if asked.fetch_add(1, Ordering::AcqRel) == 0 {
                        Output::note(
                            "finishing the buckets that are moving. Interrupt again to stop at once",
                        );
                    }
                }
            }
        }
    };
    drop(shown);
    let epoch = mover.shards().map.epoch;
    let is_whole = mover.shards().map.plan(&mover.shards().map.filled()).is_empty();
    let closed = mover.close().await;
    let Moved { chunks, buckets, events, joined } = done?;
    closed?;
    if args.json {
        let told = json!({
            "epoch": epoch, "chunks": chunks, "buckets": buckets, "events": events, "joined": joined,
            "is_whole": is_whole,
        });
        writeln!(out, "{told}")?;
    }
    Output::note(&format!(
        "moved {} with {}. {}",
        counted(buckets, "bucket", "buckets"),
        counted(events, "event", "events"),
        if is_whole { "Nothing is left to move" } else { "Run the command again to go on" },
    ));
    out.flush()?;
    if is_whole { Ok(Outcome::Done) } else { Err(ShardError::Stopped.into()) }
}

/// Shows a move, and stops it when somebody asks to.
struct Shown {
    progress: Progress,
    asked: Asked,
}

impl MoveWatch for Shown {
    fn begin(&mut self, what: &str, rows: u64) {
        self.progress.begin(what, (rows > 0).then_some(rows));
    }

    fn reach(&mut self, rows: u64) -> bool {
        self.progress.at(rows, "");
        self.asked.load(Ordering::Acquire) < 2
    }

    fn done(&mut self, _: Step) -> bool {
        self.asked.load(Ordering::Acquire) < 2
    }

    fn wants_more(&mut self) -> bool {
        self.asked.load(Ordering::Acquire) == 0
    }

    fn note(&mut self, text: &str) {
        self.progress.note(text);
    }
}
