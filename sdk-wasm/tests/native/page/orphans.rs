//! What pages that are gone left behind, how soon it must be found, and what was sent of it.

use lamplight_sdk::keys::StorageKeys;
use lamplight_wire::Producer;
use lamplight_wire::batch::Body;

use super::{FullPage, Sent};

/// How often a page scans: while it knows of events, and otherwise.
pub(crate) const SCAN_MS: u64 = 2_500;
pub(crate) const SCAN_QUIET_MS: u64 = 4_000;
/// The time between two scans that must both see a key.
pub(crate) const ADOPT_AFTER_MS: u64 = 5_000;
/// The lock without contention: two settle times.
pub(crate) const LOCK_MS: u64 = 500;
pub(crate) const HEARTBEAT_STALE_MS: u64 = 300_000;
/// A scan sees the keys first after a quiet interval, confirms them two or three scans later, and
/// the next one finds them orphaned at the latest.
pub(crate) const ADOPTED_WITHIN_MS: u64 = SCAN_QUIET_MS + ADOPT_AFTER_MS + SCAN_MS + LOCK_MS;

/// Other producers, not in the order of their names.
pub(crate) const GONE: [Producer; 2] = [Producer::from_bits(98), Producer::from_bits(99)];

pub(crate) fn event_text(producer: Producer, seq: u64, bytes: usize) -> String {
    let text = |padding: usize| {
        format!(
            r#"{{"name":"a","ts":1,"producer":"{producer}","seq":{seq},"properties":{{"p":"{}"}}}}"#,
            "x".repeat(padding)
        )
    };
    text(bytes.saturating_sub(text(0).len()))
}

/// Leaves events of this many bytes in storage, as a page that said that it left.
pub(crate) fn leave(
    page: &FullPage,
    producer: Producer,
    seqs: std::ops::RangeInclusive<u64>,
    bytes: usize,
) {
    let keys = StorageKeys::new("ll");
    let mut site = page.site.borrow_mut();
    site.values.insert(keys.heartbeat(producer), format!("gone:{}", seqs.end() + 1));
    for seq in seqs {
        site.values.insert(keys.event(producer, seq), event_text(producer, seq, bytes));
    }
}

/// Which events the requests carried, without questions about events that may have arrived.
pub(crate) fn adopted(page: &FullPage) -> Vec<Vec<(Producer, u64)>> {
    page.sent().iter().filter(|sent| !sent.asks_arrived()).map(Sent::events).collect()
}

pub(crate) fn sizes(page: &FullPage) -> Vec<usize> {
    adopted(page).iter().map(Vec::len).collect()
}

/// The next number that the last request declares.
pub(crate) fn declared_next(page: &FullPage, producer: Producer) -> u64 {
    let sent = page.sent();
    let body = Body::read(&sent.last().unwrap().body).unwrap();
    body.producers.iter().find(|(known, _)| *known == producer).unwrap().1.next
}
