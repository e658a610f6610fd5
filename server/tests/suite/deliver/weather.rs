//! What a receiver does with a request, apart from what the request deserves.

use crate::deliver::chance::Chance;

/// How a receiver fares for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// It answers as the request deserves.
    Calm,
    /// Anything may go wrong.
    Stormy,
    /// It takes nothing.
    Dead,
    /// Someone changed its credentials.
    Locked,
}

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mishap {
    Nothing,
    /// This status; nothing is taken.
    Status(u16),
    /// 429, saying when to come back, in seconds, or not.
    RateLimited(Option<i64>),
    /// The connection ends before anything is taken.
    Cut,
    /// Everything is taken, and the connection ends without an answer.
    TakenThenCut,
    /// No answer comes. Whether everything is taken, and whether the client gives up.
    Silent(bool, bool),
}

impl Weather {
    /// What happens to the next request.
    pub(crate) fn mishap(self, chance: &mut Chance) -> Mishap {
        let number = match self {
            Self::Calm => return Mishap::Nothing,
            Self::Locked => return Mishap::Status(401),
            Self::Stormy => chance.between(0, 16),
            Self::Dead => [8, 9, 11, 14][usize::try_from(chance.between(0, 4)).unwrap()],
        };
        match number {
            8 => Mishap::Status(503),
            9 => Mishap::RateLimited(None),
            10 => Mishap::RateLimited(Some(i64::try_from(chance.between(0, 90)).unwrap())),
            11 => Mishap::Cut,
            12 => Mishap::TakenThenCut,
            13 => Mishap::Silent(true, chance.percent(50)),
            14 => Mishap::Silent(false, chance.percent(50)),
            15 => Mishap::Status(401),
            _ => Mishap::Nothing,
        }
    }
}
