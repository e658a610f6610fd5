//! Warnings before a certificate expires, and once it has.

use crate::counted::counted;
use std::fmt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::validity::Validity;

const DAY_MS: i64 = 86_400_000;
/// How many days before a certificate expires the warnings begin. Clients of ACME renew
/// certificates of 90 days 30 days before, and those of 7 days 2 or 3 days before.
const DAYS_BEFORE: i64 = 7;
/// No warning for certificates that are valid for a shorter time than this, until they have
/// expired.
const SHORT_LIVED_DAYS: i64 = 2 * DAYS_BEFORE;

/// Clients refuse the certificate now, or will soon.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expiry {
    path: PathBuf,
    kind: Kind,
    /// When it expires, or becomes valid.
    at_ms: i64,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    NotYet,
    InDays(i64),
    Expired,
}

impl Expiry {
    /// What there is to say of a certificate with this validity.
    pub(super) fn of(validity: Validity, path: &Path, now_ms: i64) -> Option<Self> {
        let Validity { from_ms, to_ms } = validity;
        let is_short_lived = to_ms - from_ms < SHORT_LIVED_DAYS * DAY_MS;
        let (kind, at_ms) = if now_ms < from_ms {
            (Kind::NotYet, from_ms)
        } else if now_ms > to_ms {
            (Kind::Expired, to_ms)
        } else if to_ms - now_ms < DAYS_BEFORE * DAY_MS && !is_short_lived {
            (Kind::InDays((to_ms - now_ms) / DAY_MS), to_ms)
        } else {
            return None;
        };
        Some(Self { path: path.to_owned(), kind, at_ms })
    }
}

/// A time as people write it.
pub(super) fn date(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .map_or_else(|_| ms.to_string(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, at) = (self.path.display(), date(self.at_ms));
        match self.kind {
            Kind::NotYet => write!(
                f,
                "the certificate in {path} is valid from {at}, and until then clients refuse it: \
                 check the clock of this machine"
            ),
            Kind::InDays(days) => write!(
                f,
                "the certificate in {path} expires on {at}, in {}: renew it. The server uses a \
                 new one as soon as it is in the files",
                counted(days.unsigned_abs(), "day", "days")
            ),
            Kind::Expired => write!(
                f,
                "the certificate in {path} expired on {at}, and clients refuse it: renew it. The \
                 server uses a new one as soon as it is in the files"
            ),
        }
    }
}
