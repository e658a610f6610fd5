//! Numbers that are missing because a backup was restored, as far as the server can tell.

use schemars::JsonSchema;
use serde::Serialize;

use crate::app::App;
use crate::store::{EventFilter, EventQuery, IN_FLIGHT_MS, ProducerRow, StoreError};
use crate::system::data_dir::PastRestore;

/// Numbers that are missing, and the restore that explains them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RestoredGap {
    pub(crate) restore: PastRestore,
    /// The first and the last number.
    pub(crate) numbers: (u64, u64),
}

/// Numbers that are missing where a backup ends that this server was restored from. What it had
/// stored after the backup is missing, and was not lost by the browser.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RestoredGap")]
pub(super) struct RestoredGapJson {
    /// When the backup was begun.
    backup: i64,
    /// When it was restored.
    restored: i64,
    /// The first and the last number. Those that the page made before it was offline, or that its
    /// browser lost, cannot be told from them.
    numbers: (u64, u64),
}

impl From<RestoredGap> for RestoredGapJson {
    fn from(gap: RestoredGap) -> Self {
        let PastRestore { backup_ms, restored_ms } = gap.restore;
        Self { backup: backup_ms, restored: restored_ms, numbers: gap.numbers }
    }
}

/// The gaps of a producer that begin where a backup ends, one for each restore at most.
///
/// A page sends its numbers in order, so what the server had stored between a backup and its
/// restore begins after the last number that arrived before. A page that was not heard from since
/// the restore has no such gap: nothing is known of what it made after the backup.
pub(crate) async fn restored_gaps(
    app: &App,
    row: &ProducerRow,
) -> Result<Vec<RestoredGap>, StoreError> {
    let mut gaps = Vec::new();
    for restore in app.restores.iter().copied() {
        let is_possible = row.missing > 0
            && row.last_heard_ms >= restore.restored_ms
            && row.first_heard_ms <= restore.restored_ms.saturating_add(IN_FLIGHT_MS);
        if is_possible && let Some(numbers) = gap_after(app, row, restore.restored_ms).await? {
            gaps.push(RestoredGap { restore, numbers });
        }
    }
    Ok(gaps)
}

/// The first gap after the last number that was received before `restored_ms`, if no number between
/// them arrived.
async fn gap_after(
    app: &App,
    row: &ProducerRow,
    restored_ms: i64,
) -> Result<Option<(u64, u64)>, StoreError> {
    let last = if row.first_heard_ms < restored_ms {
        let filter = EventFilter {
            producer: Some(row.producer),
            source: (!row.ledger.is_shared).then(|| row.source.clone()),
            to_ms: Some(restored_ms),
            ..EventFilter::default()
        };
        let query = EventQuery { filter, after: None, limit: 1 };
        let last = app.storage.reader.events(query).await?.events.pop();
        // Retention may have removed it, or none of them was valid.
        match last.and_then(|event| event.number) {
            Some((_, seq)) => seq,
            None => return Ok(None),
        }
    } else {
        0
    };
    let holes = row.ledger.holes();
    let gap = holes.as_slice().iter().copied().find(|(first, _)| *first > last);
    let arrived = &row.ledger.received;
    let is_next = |first: u64| {
        let after = arrived.within(last, first.saturating_sub(1));
        after.is_empty()
    };
    Ok(gap.filter(|(first, _)| is_next(*first)))
}
