//! How much each source sent recently, and which ones must stop first when the disk is nearly full.
//!
//! Above the floor, a part of the disk is reserved. It is for sources that sent less than their
//! share, so one source that fills the disk stops itself and not the others.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// What was sent counts half after this time.
const HALF_LIFE_MS: f64 = 24.0 * 3_600_000.0;
/// A source that sent less than this is never over its share, in bytes.
const ALWAYS_BYTES: f64 = 16.0 * 1024.0 * 1024.0;
/// A source counts as active if it sent at least this part of everything.
const ACTIVE_PART: f64 = 0.01;
/// About how many bytes a row takes beside its texts, with its indexes.
const ROW_BYTES: u64 = 300;

/// About how much a payload takes on the disk: its body, and the rows of its events.
pub(super) fn disk_bytes(body_bytes: u64, text_bytes: u64, events: u64) -> u64 {
    body_bytes.saturating_add(text_bytes).saturating_add(events.saturating_mul(ROW_BYTES))
}

/// What a source sent.
#[derive(Debug, Clone, Copy)]
struct Sent {
    bytes: f64,
    at_ms: i64,
}

impl Sent {
    fn bytes_at(self, now_ms: i64) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a duration of at most some years")]
        let elapsed_ms = now_ms.saturating_sub(self.at_ms).max(0) as f64;
        self.bytes * (-elapsed_ms / HALF_LIFE_MS).exp2()
    }
}

/// What was accepted and how many bytes that takes, since the start.
#[derive(Debug, Clone, Copy, Default)]
struct Accepted {
    events: u64,
    bytes: u64,
}

/// How much each source sent recently.
#[derive(Debug, Default)]
pub struct SourceShares(Mutex<(HashMap<String, Sent>, Accepted)>);

/// A source, as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceShare {
    /// The source.
    pub source: String,
    /// About how many bytes of the disk it took recently. What is a day old counts half.
    pub bytes: u64,
    /// Whether it must stop if the disk is nearly full.
    pub is_over: bool,
}

impl SourceShares {
    /// Counts an accepted payload.
    pub(super) fn count(&self, source: &str, bytes: u64, events: u64, now_ms: i64) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (sources, accepted) = &mut *held;
        accepted.bytes = accepted.bytes.saturating_add(bytes);
        accepted.events = accepted.events.saturating_add(events);
        #[allow(clippy::cast_precision_loss, reason = "a share needs no exact number")]
        let more = bytes as f64;
        match sources.get_mut(source) {
            Some(sent) => *sent = Sent { bytes: sent.bytes_at(now_ms) + more, at_ms: now_ms },
            None => drop(sources.insert(source.to_owned(), Sent { bytes: more, at_ms: now_ms })),
        }
    }

    /// Every source that sent something recently, the largest first.
    pub fn list(&self, now_ms: i64) -> Vec<SourceShare> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sent: Vec<_> =
            held.0.iter().map(|(source, sent)| (source, sent.bytes_at(now_ms))).collect();
        drop_small(share(sent.iter().map(|(_, bytes)| *bytes)), sent)
    }

    /// Whether a source sent more than its share: an equal part of everything, and at most half.
    pub(super) fn is_over(&self, source: &str, now_ms: i64) -> bool {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sent) = held.0.get(source) else { return false };
        is_over(sent.bytes_at(now_ms), share(held.0.values().map(|sent| sent.bytes_at(now_ms))))
    }

    /// About how many more bytes of the disk this many events will take that wait to be processed.
    pub fn expected_bytes(&self, events: u64) -> u64 {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Accepted { events: accepted, bytes } = held.1;
        events.saturating_mul(bytes.checked_div(accepted).unwrap_or(ROW_BYTES))
    }
}

/// The share of each source, given what all of them sent.
fn share(sent: impl Iterator<Item = f64> + Clone) -> f64 {
    let total: f64 = sent.clone().sum();
    let active = sent.filter(|bytes| *bytes >= total * ACTIVE_PART).count();
    #[allow(clippy::cast_precision_loss, reason = "a few sources")]
    let parts = active.max(2) as f64;
    total / parts
}

fn is_over(bytes: f64, share: f64) -> bool {
    bytes > ALWAYS_BYTES && bytes > share
}

/// The sources that still count for at least a byte.
fn drop_small(share: f64, sent: Vec<(&String, f64)>) -> Vec<SourceShare> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is positive")]
    let read = |(source, bytes): (&String, f64)| SourceShare {
        source: source.clone(),
        bytes: bytes as u64,
        is_over: is_over(bytes, share),
    };
    let mut list: Vec<_> = sent.into_iter().map(read).filter(|it| it.bytes > 0).collect();
    list.sort_unstable_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.source.cmp(&b.source)));
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;
    const DAY_MS: i64 = 24 * 3_600_000;

    fn over(shares: &SourceShares, now_ms: i64) -> Vec<String> {
        let over = shares.list(now_ms).into_iter().filter(|it| it.is_over);
        let over: Vec<String> = over.map(|it| it.source).collect();
        for source in ["a", "b", "c"] {
            assert_eq!(shares.is_over(source, now_ms), over.contains(&source.to_owned()));
        }
        over
    }

    #[test]
    fn a_source_that_sends_nearly_everything_is_over_its_share_and_no_other() {
        let shares = SourceShares::default();
        shares.count("b", MIB, 10, 0);
        shares.count("a", 15 * MIB, 10, 0);
        assert_eq!(over(&shares, 0), [""; 0], "that is little");
        shares.count("a", 1_000 * MIB, 10, 0);
        assert_eq!(over(&shares, 0), ["a"]);
    }

    #[test]
    fn two_sources_that_fill_the_disk_do_not_stop_a_third() {
        let shares = SourceShares::default();
        shares.count("a", 1_000 * MIB, 10, 0);
        shares.count("b", 1_001 * MIB, 10, 0);
        shares.count("c", 30 * MIB, 10, 0);
        assert_eq!(over(&shares, 0), ["b", "a"]);
    }

    #[test]
    fn what_was_sent_counts_half_a_day_later() {
        let shares = SourceShares::default();
        shares.count("a", 100 * MIB, 10, 0);
        shares.count("b", 80 * MIB, 10, DAY_MS);
        let list = shares.list(DAY_MS);
        let (a, b) = (list[1].clone(), list[0].clone());
        assert_eq!((a.bytes, a.is_over), (50 * MIB, false));
        assert_eq!((b.bytes, b.is_over), (80 * MIB, true));
        assert_eq!(shares.list(100 * DAY_MS), []);
        assert_eq!(shares.list(-DAY_MS)[0].bytes, 100 * MIB, "the clock was set back");
    }

    #[test]
    fn events_that_wait_will_take_as_much_as_others() {
        let shares = SourceShares::default();
        assert_eq!(shares.expected_bytes(10), 3_000);
        shares.count("a", disk_bytes(100, 8_000, 3), 3, 0);
        assert_eq!(shares.expected_bytes(6), 18_000);
    }
}
