//! How the counts of a sink move: a delivery is always in exactly one of them. Pure.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::DeliveryEnding;

/// How a transaction moves the counts of one sink.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkMove {
    /// Deliveries that are queued or in an attempt.
    pub waiting: i64,
    /// Deliveries that the sink confirmed.
    pub sent: i64,
    /// Deliveries given up.
    pub dead: i64,
    /// Deliveries dropped without sending.
    pub dropped: i64,
    /// Dead letters that were discarded.
    pub discarded: i64,
}

impl SinkMove {
    /// How the end of an attempt at a delivery that waited moves them.
    pub fn of(ending: &DeliveryEnding) -> Self {
        let ended = Self { waiting: -1, ..Self::default() };
        match ending {
            DeliveryEnding::Sent => Self { sent: 1, ..ended },
            DeliveryEnding::RetryAt(..) => Self::default(),
            DeliveryEnding::Dead(_) => Self { dead: 1, ..ended },
            DeliveryEnding::Dropped(_) => Self { dropped: 1, ..ended },
        }
    }

    /// Whether nothing moves.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl AddAssign for SinkMove {
    fn add_assign(&mut self, other: Self) {
        self.waiting += other.waiting;
        self.sent += other.sent;
        self.dead += other.dead;
        self.dropped += other.dropped;
        self.discarded += other.discarded;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Reason;

    #[test]
    fn a_delivery_stays_in_exactly_one_count_however_it_ends() {
        let reason = || Reason::new("r", "d");
        for ending in [
            DeliveryEnding::Sent,
            DeliveryEnding::RetryAt(5, reason()),
            DeliveryEnding::Dead(reason()),
            DeliveryEnding::Dropped(reason()),
        ] {
            let SinkMove { waiting, sent, dead, dropped, discarded } = SinkMove::of(&ending);
            assert_eq!(waiting + sent + dead + dropped + discarded, 0, "{ending:?}");
        }
    }
}
