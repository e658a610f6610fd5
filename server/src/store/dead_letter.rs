//! Dead letters: how they are listed, and discarding them.

use super::{DeliveryState, RetryAsk, RowId, SinkMove};

/// Why a dead letter is discarded, in the log of its delivery.
pub const DISCARDED: (&str, &str) = ("asked", "someone discarded it");
/// What the log of a delivery says when a discarded one is a dead letter again, beside the reason
/// for which it was given up.
pub const RESTORED: &str = "it was discarded, and someone restored it";

/// Which dead letters to discard, or which discarded ones to restore. Discarding one ends what is
/// owed to the sink, and it never counts as sent.
#[derive(Debug, Clone, Default)]
pub struct DiscardAsk {
    /// Which. The time over which attempts are spread has no meaning here.
    pub letters: RetryAsk,
    /// Makes discarded ones dead letters again.
    pub restore: bool,
}

impl DiscardAsk {
    /// The state of a letter that is moved, and why, in the log of its delivery. `reason` is that
    /// for which it was given up.
    pub fn step<'a>(&self, reason: &'a str) -> (DeliveryState, (&'a str, &'a str)) {
        if self.restore {
            (DeliveryState::Dead, (reason, RESTORED))
        } else {
            (DeliveryState::Discarded, DISCARDED)
        }
    }

    /// How a letter that is moved moves the counts of its sink.
    pub fn moved(&self) -> SinkMove {
        let discarded = if self.restore { -1 } else { 1 };
        SinkMove { dead: -discarded, discarded, ..SinkMove::default() }
    }
}

/// Which dead letters to list.
#[derive(Debug, Clone, Default)]
pub struct DeadLetterQuery {
    /// Of this sink.
    pub sink: String,
    /// Only those given up for this reason.
    pub reason: Option<String>,
    /// Lists those that were discarded and can be restored, instead of dead letters.
    pub is_discarded: bool,
    /// Only events after this one.
    pub after: Option<RowId>,
    /// The largest number of results.
    pub limit: u32,
}

/// A delivery that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The event.
    pub event: RowId,
    /// Why it was given up, as in the API.
    pub reason: String,
    /// When it came here, in milliseconds since 1970.
    pub at_ms: Option<i64>,
    /// What the log says about that, as a sentence.
    pub detail: Option<String>,
}
