//! Throttling of commands that read and write much on the machine of a server.
//!
//! A server answers a client once the client's event is synced to disk. A file system such as ext4
//! writes what other processes have written before it ends a sync. So a copy that leaves hundreds
//! of megabytes to its last sync delays every answer by that sync. And a command that never waits
//! keeps a processor from the threads that answer.

use std::fs::File;
use std::io;
use std::time::Duration;

use tokio::time::Instant;

/// How much a command reads or computes between two rests, in bytes: less than a millisecond's
/// work, so that no thread of a server waits longer for a processor.
pub const WORK_BYTES: usize = 256 * 1024;
/// How much is written before it is synced, in bytes: at least, at first, and at most.
const PIECE_BYTES: (u64, u64, u64) = (1024 * 1024, 4 * 1024 * 1024, 16 * 1024 * 1024);
/// A sync that takes longer delays others too much, and one that takes less than a quarter of it
/// could write more.
const SYNC_MAX: Duration = Duration::from_millis(40);
/// The longest rest. A disk that stalls for longer is slow for another reason.
const REST_MAX: Duration = Duration::from_millis(100);

/// Whether a command leaves time to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttle {
    /// It works as fast as it can, because someone waits for its end.
    Off,
    /// It leaves a third of the time to a server on the same machine, and may take twice as long.
    On,
}

impl Throttle {
    /// Begins to work on a file.
    pub fn begin(self) -> ThrottledWork {
        ThrottledWork {
            throttle: self,
            since: Instant::now(),
            unsynced_bytes: 0,
            piece: Piece::default(),
        }
    }
}

/// Work on a file.
#[derive(Debug)]
pub struct ThrottledWork {
    throttle: Throttle,
    since: Instant,
    unsynced_bytes: u64,
    piece: Piece,
}

impl ThrottledWork {
    /// Rests after a little work.
    pub fn rest(&mut self) {
        if self.throttle == Throttle::On {
            std::thread::sleep(rest_after(self.since.elapsed()));
            self.since = Instant::now();
        }
    }

    /// Syncs `file` if enough was written to it, and rests. `bytes` more were written.
    ///
    /// # Errors
    /// When the disk cannot write them.
    pub fn wrote(&mut self, file: &File, bytes: u64) -> io::Result<()> {
        self.unsynced_bytes += bytes;
        if self.throttle == Throttle::On && self.unsynced_bytes >= self.piece.0 {
            let begun = Instant::now();
            file.sync_data()?;
            self.piece = self.piece.after(begun.elapsed());
            self.unsynced_bytes = 0;
        }
        self.rest();
        Ok(())
    }
}

/// Half of the time that the work took, so that a third of all time is left to others, also of the
/// disk's.
fn rest_after(worked: Duration) -> Duration {
    (worked / 2).min(REST_MAX)
}

/// How much is written before it is synced, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece(u64);

impl Default for Piece {
    fn default() -> Self {
        Self(PIECE_BYTES.1)
    }
}

impl Piece {
    /// The next one, after a sync that took this long.
    fn after(self, sync: Duration) -> Self {
        let (least, _, most) = PIECE_BYTES;
        let bytes = match sync {
            sync if sync > SYNC_MAX => self.0 / 2,
            sync if sync < SYNC_MAX / 4 => self.0 * 2,
            _ => self.0,
        };
        Self(bytes.clamp(least, most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn pieces_get_smaller_while_syncs_are_slow_and_larger_while_they_are_quick() {
        let after = |sync_ms: &[u64]| {
            let syncs = sync_ms.iter().map(|ms| Duration::from_millis(*ms));
            syncs.fold(Piece::default(), Piece::after).0
        };
        assert_eq!(after(&[]), 4 * MIB);
        assert_eq!(after(&[20, 40, 10]), 4 * MIB);
        assert_eq!(after(&[41]), 2 * MIB);
        assert_eq!(after(&[500; 9]), MIB);
        assert_eq!(after(&[9]), 8 * MIB);
        assert_eq!(after(&[0; 9]), 16 * MIB);
        assert_eq!(after(&[500, 500, 1, 1]), 4 * MIB);
    }

    #[test]
    fn a_rest_is_half_of_the_work_and_never_long() {
        assert_eq!(rest_after(Duration::ZERO), Duration::ZERO);
        assert_eq!(rest_after(Duration::from_millis(3)), Duration::from_micros(1_500));
        assert_eq!(rest_after(Duration::from_mins(1)), REST_MAX);
    }

    #[test]
    fn only_throttled_work_syncs_in_pieces_and_rests() {
        let dir = tempfile::tempdir().unwrap();
        let file = File::create(dir.path().join("copy")).unwrap();
        let left_after = |throttle: Throttle, bytes: u64| {
            let mut work = throttle.begin();
            work.wrote(&file, bytes).unwrap();
            work.unsynced_bytes
        };
        assert_eq!(left_after(Throttle::On, 4 * MIB - 1), 4 * MIB - 1);
        assert_eq!(left_after(Throttle::On, 4 * MIB), 0);
        assert_eq!(left_after(Throttle::Off, 400 * MIB), 400 * MIB);
        let waited = |throttle: Throttle| {
            let mut work = throttle.begin();
            std::thread::sleep(Duration::from_millis(20));
            let begun = Instant::now();
            work.rest();
            begun.elapsed()
        };
        assert!(waited(Throttle::On) >= Duration::from_millis(10));
        assert!(waited(Throttle::Off) < waited(Throttle::On));
    }
}
