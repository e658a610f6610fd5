//! Replays that were requested.

use lamplight_server::store::{
    Answer, PayloadId, PayloadSpan, Replay, ReplayId, Replayed, Replays,
};

use super::payload_queue::MemoryIntake;
use super::tables::answer;

/// Most replays that are listed.
const LISTED_MAX: usize = 100;

impl Replays for MemoryIntake {
    fn begin(&self, span: PayloadSpan, now_ms: i64) -> Answer<'_, ReplayId> {
        answer(self.tables.write(|tables| {
            let id = ReplayId(i64::try_from(tables.replays.len()).unwrap() + 1);
            tables.replays.push(Replay {
                id,
                span,
                after: None,
                done: Replayed::default(),
                begun_ms: now_ms,
                ended_ms: None,
            });
            Ok(id)
        }))
    }

    fn list(&self) -> Answer<'_, Vec<Replay>> {
        answer(
            self.tables
                .read(|tables| tables.replays.iter().rev().take(LISTED_MAX).cloned().collect()),
        )
    }

    fn next(&self) -> Answer<'_, Option<Replay>> {
        answer(
            self.tables.read(|tables| {
                tables.replays.iter().find(|replay| replay.ended_ms.is_none()).cloned()
            }),
        )
    }

    fn advance(
        &self,
        replay: Replay,
        after: Option<PayloadId>,
        done: Replayed,
        ended_ms: Option<i64>,
    ) -> Answer<'_, bool> {
        answer(self.tables.write(|tables| {
            let is_same = |known: &&mut Replay| {
                known.id == replay.id && known.after == replay.after && known.ended_ms.is_none()
            };
            let Some(known) = tables.replays.iter_mut().find(is_same) else { return Ok(false) };
            (known.after, known.ended_ms) = (after, ended_ms);
            known.done += done;
            Ok(true)
        }))
    }
}
