//! `lamplight shards remove`.

use std::sync::Arc;

use super::super::Outcome;
use super::{ShardRemoveArgs, ShardsError};
use crate::store::postgres::shards::{MoveWatch, Mover, Step};
use crate::system::clock::SystemClock;
use crate::terminal::Output;

/// Removes a shard.
pub(super) async fn run(args: &ShardRemoveArgs) -> Result<Outcome, ShardsError> {
    let mut mover = Mover::open(&args.urls.urls()?, Arc::new(SystemClock)).await?;
    let removed = mover.remove(args.shard, args.without_payloads, &mut Notes).await;
    let closed = mover.close().await;
    removed?;
    closed?;
    Output::note(&format!(
        "shard {} is removed. Take its URL out of the configuration, and restart the servers one after the other. With \
         an intake stream, wait before that until nothing is left in it: see `/api/queues`",
        args.shard
    ));
    Ok(Outcome::Done)
}

/// Prints what is worth knowing.
struct Notes;

impl MoveWatch for Notes {
    fn begin(&mut self, _: &str, _: u64) {}

    fn reach(&mut self, _: u64) -> bool {
        true
    }

    fn done(&mut self, _: Step) -> bool {
        true
    }

    fn wants_more(&mut self) -> bool {
        false
    }

    fn note(&mut self, text: &str) {
        Output::note(text);
    }
}
