//! The share of the origin's storage that Lamplight may use, which all tabs fill together.

use crate::queue::block::BYTES_MAX;

/// A page that wrote more than this part of the share since its last scan scans again before it
/// writes more.
const RESCAN_PART: usize = 8;
/// A new page, which knows nothing about other pages, scans before it has written this part.
const FIRST_SCAN_PART: usize = 64;
/// With less than this part of the share left, a new event may soon not fit.
const TIGHT_PART: usize = 4;
/// With less than this part of the share left, also a page that has little in storage makes room.
const SCARCE_PART: usize = 8;
/// A page that has less than this part of the share in storage cannot make room.
const LITTLE_PART: usize = 64;
/// How often a page scans again while it has events that do not fit, or writes although a good part
/// of the share is taken, in milliseconds: other pages write, and free space, too.
const RESCAN_MS: u64 = 1_000;

/// How many bytes are taken, and by which pages. Keys count.
#[derive(Debug)]
pub(super) struct StorageShare {
    bytes_max: usize,
    /// This page's bytes in storage.
    pub(super) stored: usize,
    /// Other pages' bytes in storage, as last seen.
    foreign: usize,
    /// Bytes of events that only memory has, without keys.
    pub(super) memory: usize,
    written_since_scan: usize,
    scanned_ms: u64,
}

impl StorageShare {
    pub(super) const fn new(bytes_max: usize) -> Self {
        let written_since_scan = bytes_max / RESCAN_PART - bytes_max / FIRST_SCAN_PART;
        Self { bytes_max, stored: 0, foreign: 0, memory: 0, written_since_scan, scanned_ms: 0 }
    }

    pub(super) const fn fits(&self, bytes: usize) -> bool {
        self.stored + self.foreign + bytes <= self.bytes_max
    }

    /// Whether little of the share is left and this page could free a good part of it. If very
    /// little is left, many pages have a small part each.
    pub(super) fn is_tight(&self) -> bool {
        let left = self.bytes_max.saturating_sub(self.stored + self.foreign);
        let is_scarce = left < self.bytes_max / SCARCE_PART;
        let part = if is_scarce { LITTLE_PART } else { RESCAN_PART };
        let is_much = self.stored >= BYTES_MAX.min(self.bytes_max / part);
        is_much && left < self.bytes_max / TIGHT_PART
    }

    pub(super) const fn needs_scan(&self) -> bool {
        self.written_since_scan > self.bytes_max / RESCAN_PART
    }

    /// When to scan again although little was written, if at all.
    pub(super) fn rescan_due_ms(&self) -> Option<u64> {
        let is_filling =
            self.written_since_scan > 0 && self.stored + self.foreign > self.bytes_max / TIGHT_PART;
        let has_no_room = self.memory > 0 && self.foreign > 0;
        (is_filling || has_no_room).then_some(self.scanned_ms + RESCAN_MS)
    }

    pub(super) const fn scanned(&mut self, now_ms: u64, foreign: usize) {
        self.foreign = foreign;
        self.written_since_scan = 0;
        self.scanned_ms = now_ms;
    }

    pub(super) const fn wrote(&mut self, bytes: usize) {
        self.stored += bytes;
        self.written_since_scan += bytes;
    }
}
