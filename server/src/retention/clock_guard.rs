//! Keeps what is known about the time: for the retention task, for the API, and in a file, so that
//! a clock that is wrong at the next start is noticed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::known_time::KnownTime;
use crate::system::private_file;

/// How often the file is written while nothing special happens, in milliseconds.
const SAVE_EVERY_MS: i64 = 10 * 60 * 1000;

/// What is known about the time. It is shared by the retention task and the API.
#[derive(Debug, Default)]
pub struct ClockGuard {
    /// Where it is kept. Without a file, it is forgotten at the end of the process.
    file: Option<PathBuf>,
    state: Mutex<State>,
    /// Held while the file is written, because the task and the API both write it.
    saving: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// What an earlier process knew, until the first observation.
    earlier: Option<KnownTime>,
    /// Nothing before the first observation.
    known: Option<KnownTime>,
    /// How long the process had run at the last observation, in milliseconds.
    uptime_ms: i64,
    /// The same, when the file was last written. Nothing if it must be written now.
    saved_uptime_ms: Option<i64>,
}

impl ClockGuard {
    /// Keeps what is known in `file`, and begins with what an earlier process left there.
    pub fn in_file(file: PathBuf) -> Self {
        let state = State { earlier: read(&file), ..State::default() };
        Self { file: Some(file), state: Mutex::new(state), ..Self::default() }
    }

    /// What is known now, if the clock was observed already.
    pub fn known(&self) -> Option<KnownTime> {
        self.lock().known
    }

    /// The time that is certain to have come, when the clock shows `now_ms`: a clock that jumped
    /// ahead is not believed, also before it was first observed.
    pub fn certain_ms(&self, now_ms: i64) -> i64 {
        let state = self.lock();
        state.known.or(state.earlier).map_or(now_ms, |known| known.delete_by_ms(now_ms))
    }

    /// An operator says that the clock is right, which shows `now_ms`.
    pub fn trust(&self, now_ms: i64) {
        let mut state = self.lock();
        state.known = Some(KnownTime::certain(now_ms));
        state.saved_uptime_ms = None;
    }

    /// Begins with what the file holds, or else with the time of what was last received, and
    /// returns that. It is not known before the clock was compared with it.
    pub(super) fn begin(&self, received_ms: Option<i64>) -> Option<KnownTime> {
        let mut state = self.lock();
        state.earlier = state.earlier.or(received_ms.map(KnownTime::certain));
        state.earlier
    }

    /// Observes the clock after the process has run for `uptime_ms`. Returns what is known.
    pub(super) fn observe(&self, now_ms: i64, uptime_ms: i64) -> KnownTime {
        let mut state = self.lock();
        let passed_ms = uptime_ms.saturating_sub(state.uptime_ms).max(0);
        let before = state.known.or(state.earlier).unwrap_or(KnownTime::certain(now_ms));
        let known = before.observe(now_ms, passed_ms);
        if before.doubt.is_some() != known.doubt.is_some() {
            state.saved_uptime_ms = None;
        }
        state.known = Some(known);
        state.uptime_ms = uptime_ms;
        known
    }

    /// Writes the file if that is due.
    ///
    /// # Errors
    /// When the file cannot be written. The next call tries again.
    pub fn save_due(&self) -> io::Result<()> {
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(file), Some(known)) = (&self.file, self.take_due()) else {
            return Ok(());
        };
        save(file, known).inspect_err(|_| self.lock().saved_uptime_ms = None)
    }

    /// What is to be written now. It counts as written from now on, and not once it is: what an
    /// operator says in between is due again.
    fn take_due(&self) -> Option<KnownTime> {
        let mut state = self.lock();
        let is_due = state
            .saved_uptime_ms
            .is_none_or(|saved_ms| state.uptime_ms.saturating_sub(saved_ms) >= SAVE_EVERY_MS);
        let known = state.known.filter(|_| is_due)?;
        state.saved_uptime_ms = Some(state.uptime_ms);
        Some(known)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn save(file: &Path, known: KnownTime) -> io::Result<()> {
    let text = serde_json::to_vec(&known)?;
    let fresh = file.with_extension("new");
    // A crash may have left one.
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut writing = private_file::create_new(&fresh)?;
    writing.write_all(&text)?;
    writing.sync_all()?;
    std::fs::rename(&fresh, file)
}

fn read(file: &Path) -> Option<KnownTime> {
    let mut text = Vec::new();
    let opened = private_file::open(File::options().read(true), file);
    match opened.and_then(|mut opened| opened.read_to_end(&mut text)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(%error, file = %file.display(), "failed to read the last known time");
            return None;
        }
    }
    serde_json::from_slice(&text)
        .inspect_err(|error| {
            tracing::warn!(%error, file = %file.display(), "failed to read the last known time");
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retention::known_time::JUMP_MS_MAX;

    const NOW: i64 = 1_700_000_000_000;

    #[test]
    fn the_task_and_the_api_can_write_the_file_at_the_same_time() {
        let dir = tempfile::tempdir().unwrap();
        let guard = ClockGuard::in_file(dir.path().join("clock"));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for turn in 0..100 {
                        guard.trust(NOW + turn);
                        guard.save_due().unwrap();
                    }
                });
            }
        });
    }

    #[test]
    fn what_is_known_survives_a_restart_and_a_damaged_file_is_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("clock");
        let open = || {
            let guard = ClockGuard::in_file(file.clone());
            guard.begin(None);
            guard
        };
        let first = open();
        assert_eq!(first.known(), None);
        first.observe(NOW, 0);
        first.save_due().unwrap();
        let later = NOW + JUMP_MS_MAX + 1;
        assert_eq!(open().certain_ms(later), NOW, "a jump is not believed at the start either");
        assert_eq!(open().known(), None, "the clock was not compared with it yet");
        assert!(open().observe(later, 0).doubt.is_some());
        std::fs::write(&file, "{").unwrap();
        assert_eq!(open().observe(later, 0), KnownTime::certain(later));
    }

    #[test]
    fn the_file_is_written_every_ten_minutes_and_when_doubt_begins_or_ends() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("clock");
        let guard = ClockGuard::in_file(file.clone());
        let written = || {
            guard.save_due().unwrap();
            let known: KnownTime = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            known
        };
        guard.observe(NOW, 0);
        assert_eq!(written().time_ms, NOW);
        guard.observe(NOW + SAVE_EVERY_MS - 1, SAVE_EVERY_MS - 1);
        assert_eq!(written().time_ms, NOW, "not yet");
        guard.observe(NOW + SAVE_EVERY_MS, SAVE_EVERY_MS);
        assert_eq!(written().time_ms, NOW + SAVE_EVERY_MS);
        guard.observe(NOW + 2 * JUMP_MS_MAX, SAVE_EVERY_MS + 1);
        assert!(written().doubt.is_some());
        guard.trust(NOW + 2 * JUMP_MS_MAX);
        assert_eq!(written(), KnownTime::certain(NOW + 2 * JUMP_MS_MAX));
    }

    #[test]
    fn what_an_operator_says_while_the_file_is_written_is_written_next() {
        let guard = ClockGuard::default();
        guard.observe(NOW, 0);
        assert_eq!(guard.take_due(), Some(KnownTime::certain(NOW)));
        assert_eq!(guard.take_due(), None);
        guard.trust(NOW + 1);
        assert_eq!(guard.take_due(), Some(KnownTime::certain(NOW + 1)));
    }
}
