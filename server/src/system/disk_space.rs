//! Free space on the disk of the data directory, and whether it is enough to accept payloads.
//!
//! A server that fills its disk to the last byte cannot process what it has accepted, and is hard
//! to repair. So intake stops while there is still space for everything else.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// How often the free space is measured.
pub const MEASURE_EVERY: Duration = Duration::from_secs(1);
/// Shortest and longest `Retry-After`, in seconds.
const RETRY_S: (i64, i64) = (2, 60);

/// Free space on the disk of the data directory, as last measured.
#[derive(Debug, Default)]
pub struct DiskSpace {
    path: PathBuf,
    floor_bytes: u64,
    free_bytes: AtomicU64,
    /// What accepted payloads will take once they are processed.
    expected_bytes: AtomicU64,
    /// Since when there is no more than twice the floor, in milliseconds since 1970; 0 while there
    /// is more.
    reserve_since_ms: AtomicI64,
    /// Since when there is too little space, in milliseconds since 1970; 0 while there is enough.
    low_since_ms: AtomicI64,
}

impl DiskSpace {
    /// The disk that holds `path`, of which `floor_bytes` must stay free. It is not measured yet.
    pub fn new(path: PathBuf, floor_bytes: u64) -> Self {
        Self { path, floor_bytes, ..Self::default() }
    }

    /// A disk of another machine, whose space is unknown and counts as enough.
    pub fn elsewhere() -> Self {
        Self { free_bytes: AtomicU64::new(u64::MAX >> 1), ..Self::default() }
    }

    /// Measures the free space. Blocks for as long as the file system takes.
    ///
    /// # Errors
    /// When the file system cannot be asked. The last measurement stays.
    pub fn measure(&self, now_ms: i64) -> std::io::Result<()> {
        if !self.path.as_os_str().is_empty() {
            self.record(fs4::available_space(&self.path)?, now_ms);
        }
        Ok(())
    }

    /// Tells how many bytes accepted payloads will take once they are processed. They count as
    /// used.
    pub fn expect(&self, bytes: u64) {
        self.expected_bytes.store(bytes, Ordering::Relaxed);
    }

    fn record(&self, free_bytes: u64, now_ms: i64) {
        self.free_bytes.store(free_bytes, Ordering::Relaxed);
        let free_bytes = free_bytes.saturating_sub(self.expected_bytes.load(Ordering::Relaxed));
        let was_reserve = self.reserve_since_ms.load(Ordering::Relaxed) != 0;
        let is_reserve = free_bytes < self.reserve_bytes();
        if is_reserve != was_reserve {
            let since_ms = if is_reserve { now_ms.max(1) } else { 0 };
            self.reserve_since_ms.store(since_ms, Ordering::Relaxed);
            if is_reserve {
                let reserve_bytes = self.reserve_bytes();
                tracing::warn!(
                    free_bytes,
                    reserve_bytes,
                    "the disk gets full, so intake refuses sources that sent more than their share; free some space"
                );
            }
        }
        let was_low = self.low_since_ms.load(Ordering::Relaxed) != 0;
        let is_low = free_bytes < self.floor_bytes;
        if is_low != was_low {
            self.low_since_ms.store(if is_low { now_ms.max(1) } else { 0 }, Ordering::Relaxed);
            let floor_bytes = self.floor_bytes;
            if is_low {
                tracing::error!(
                    free_bytes,
                    floor_bytes,
                    "the disk is nearly full, so intake stops; free some space, or lower --disk-floor-mib"
                );
            } else {
                tracing::info!(
                    free_bytes,
                    floor_bytes,
                    "the disk has enough free space again, so intake continues"
                );
            }
        }
    }

    /// The data directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Free bytes, as last measured.
    pub fn free_bytes(&self) -> u64 {
        self.free_bytes.load(Ordering::Relaxed)
    }

    /// Below this, in bytes, only sources that sent less than their share may send.
    pub fn reserve_bytes(&self) -> u64 {
        self.floor_bytes.saturating_mul(2)
    }

    /// Bytes that accepted payloads will take once they are processed.
    pub fn expected_bytes(&self) -> u64 {
        self.expected_bytes.load(Ordering::Relaxed)
    }

    /// Bytes that must stay free.
    pub fn floor_bytes(&self) -> u64 {
        self.floor_bytes
    }

    /// How many seconds a client must wait before it retries, if there is too little space now. The
    /// longer that lasts, the longer the wait.
    pub fn retry_after_s(&self, now_ms: i64) -> Option<u32> {
        Self::wait_s(&self.low_since_ms, now_ms)
    }

    /// The same for a source that sent more than its share, which must stop earlier.
    pub fn reserve_retry_after_s(&self, now_ms: i64) -> Option<u32> {
        Self::wait_s(&self.reserve_since_ms, now_ms)
    }

    fn wait_s(since_ms: &AtomicI64, now_ms: i64) -> Option<u32> {
        let since_ms = since_ms.load(Ordering::Relaxed);
        if since_ms == 0 {
            return None;
        }
        let low_s = now_ms.saturating_sub(since_ms) / 1_000;
        u32::try_from(low_s.clamp(RETRY_S.0, RETRY_S.1)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_the_floor_clients_must_wait_until_there_is_space_again() {
        let disk = DiskSpace::new(PathBuf::from("."), 100);
        assert_eq!(disk.retry_after_s(5), None, "not measured yet");
        disk.record(99, 1_000);
        assert_eq!(disk.retry_after_s(1_000), Some(2));
        disk.record(98, 9_000);
        assert_eq!(disk.retry_after_s(11_000), Some(10));
        assert_eq!(disk.retry_after_s(9_999_000), Some(60));
        disk.record(100, 12_000);
        assert_eq!((disk.retry_after_s(12_000), disk.free_bytes()), (None, 100));
    }

    #[test]
    fn the_reserve_and_what_is_expected_count_before_the_floor_is_reached() {
        let disk = DiskSpace::new(PathBuf::from("."), 100);
        let waits = || (disk.reserve_retry_after_s(10_000), disk.retry_after_s(10_000));
        disk.record(200, 1_000);
        assert_eq!(waits(), (None, None));
        disk.record(199, 1_000);
        assert_eq!(waits(), (Some(9), None));
        disk.expect(100);
        disk.record(199, 5_000);
        assert_eq!(waits(), (Some(9), Some(5)), "what waits will take the rest");
        disk.expect(0);
        disk.record(300, 6_000);
        assert_eq!((waits(), disk.free_bytes()), ((None, None), 300));
    }

    #[test]
    fn the_free_space_of_a_real_disk_is_measured() {
        let dir = tempfile::tempdir().unwrap();
        let disk = DiskSpace::new(dir.path().to_owned(), u64::MAX);
        disk.measure(1).unwrap();
        assert!(disk.free_bytes() > 0 && disk.retry_after_s(1).is_some());
        // Windows asks for the disk of a path, which is there without the directory.
        let gone = DiskSpace::new(dir.path().join("gone"), 0);
        assert_eq!(gone.measure(1).is_err(), cfg!(unix));
    }
}
