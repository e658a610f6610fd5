//! Faults that a receiver injects, whatever the request is.

use crate::deliver::random::SeededRandom;

/// How reliable a receiver is for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reliability {
    /// It responds to each request correctly.
    Healthy,
    /// Each request may fail in any way.
    Unreliable,
    /// It accepts nothing.
    Down,
    /// It rejects the credentials.
    Unauthorized,
}

/// The fault of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestFault {
    Nothing,
    /// This status, and nothing is accepted.
    Status(u16),
    /// 429, with `Retry-After` in seconds or without.
    RateLimited(Option<i64>),
    /// The connection is closed before anything is accepted.
    Cut,
    /// Everything is accepted, and the connection is closed without a response.
    TakenThenCut,
    /// No response. Whether everything is accepted, and whether the client gives up.
    Silent(bool, bool),
}

impl Reliability {
    /// The fault of the next request.
    pub(crate) fn request_fault(self, random: &mut SeededRandom) -> RequestFault {
        let number = match self {
            Self::Healthy => return RequestFault::Nothing,
            Self::Unauthorized => return RequestFault::Status(401),
            Self::Unreliable => random.between(0, 16),
            Self::Down => [8, 9, 11, 14][usize::try_from(random.between(0, 4)).unwrap()],
        };
        match number {
            8 => RequestFault::Status(503),
            9 => RequestFault::RateLimited(None),
            10 => RequestFault::RateLimited(Some(i64::try_from(random.between(0, 90)).unwrap())),
            11 => RequestFault::Cut,
            12 => RequestFault::TakenThenCut,
            13 => RequestFault::Silent(true, random.percent(50)),
            14 => RequestFault::Silent(false, random.percent(50)),
            15 => RequestFault::Status(401),
            _ => RequestFault::Nothing,
        }
    }
}
