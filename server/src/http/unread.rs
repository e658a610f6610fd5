//! Answers over HTTP/2 that a client has not read yet, and whether it reads too slowly.
//!
//! With HTTP/1.1, an answer that is not read fills the connection, and a write times out. With
//! HTTP/2, each answer has a window of its own: a client can let one wait forever while it reads
//! others. So each answer has a clock, which runs while some of it waits to be written.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use axum::body::Bytes;
use tokio::time::Instant;

use super::patience::Patience;

/// Answers are handed out in pieces of this size, in bytes, so that a slow client is seen to read.
pub(super) const PIECE_BYTES: usize = 16 * 1024;
/// How many answers are listed before those that were read are removed from the list.
const LISTED_MIN: usize = 64;

/// The answers of one connection.
#[derive(Debug, Clone)]
pub(super) struct UnreadAnswers(Arc<Answers>);

#[derive(Debug)]
struct Answers {
    patience: Patience,
    listed: Mutex<Listed>,
}

#[derive(Debug, Default)]
struct Listed {
    answers: Vec<Weak<Mutex<Clock>>>,
    /// How many may be listed until the list is cleaned up.
    answers_max: usize,
}

/// One answer.
#[derive(Debug)]
pub(super) struct UnreadAnswer<T> {
    patience: Patience,
    clock: Arc<Mutex<Clock>>,
    /// What lasts until all of the answer is written.
    held: Arc<T>,
}

/// How long an answer may still wait for its client.
#[derive(Debug)]
struct Clock {
    unread_bytes: usize,
    left: Duration,
    /// Since when it waits.
    since: Option<Instant>,
}

impl UnreadAnswers {
    pub(super) fn new(patience: Patience) -> Self {
        Self(Arc::new(Answers { patience, listed: Mutex::default() }))
    }

    /// A new answer. `held` is dropped when all of it is written.
    pub(super) fn begin<T>(&self, held: T) -> UnreadAnswer<T> {
        let patience = self.0.patience;
        let clock = Clock { unread_bytes: 0, left: patience.slack, since: None };
        let clock = Arc::new(Mutex::new(clock));
        let mut listed = lock(&self.0.listed);
        if listed.answers.len() >= listed.answers_max {
            listed.answers.retain(|answer| answer.strong_count() > 0);
            listed.answers_max = (2 * listed.answers.len()).max(LISTED_MIN);
        }
        listed.answers.push(Arc::downgrade(&clock));
        UnreadAnswer { patience, clock, held: Arc::new(held) }
    }

    /// Whether the client reads one of them too slowly.
    pub(super) fn are_read_too_slowly(&self) -> bool {
        let listed = lock(&self.0.listed);
        let mut clocks = listed.answers.iter().filter_map(Weak::upgrade);
        clocks.any(|clock| {
            let clock = lock(&clock);
            clock.since.is_some_and(|since| since.elapsed() >= clock.left)
        })
    }
}

impl<T: Send + Sync + 'static> UnreadAnswer<T> {
    /// A piece of the answer, which is unread until it is dropped.
    pub(super) fn piece(&self, bytes: Bytes) -> Bytes {
        let mut clock = lock(&self.clock);
        clock.unread_bytes += bytes.len();
        clock.since.get_or_insert_with(Instant::now);
        drop(clock);
        let (patience, clock) = (self.patience, Arc::clone(&self.clock));
        Bytes::from_owner(Piece { bytes, patience, clock, _held: Arc::clone(&self.held) })
    }
}

/// A piece of an answer.
struct Piece<T> {
    bytes: Bytes,
    patience: Patience,
    clock: Arc<Mutex<Clock>>,
    _held: Arc<T>,
}

impl<T> AsRef<[u8]> for Piece<T> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<T> Drop for Piece<T> {
    fn drop(&mut self) {
        let mut clock = lock(&self.clock);
        clock.unread_bytes = clock.unread_bytes.saturating_sub(self.bytes.len());
        if let Some(since) = clock.since.take() {
            clock.left = clock.left.saturating_sub(since.elapsed());
        }
        let earned = self.patience.earned(self.bytes.len());
        clock.left = (clock.left + earned).min(self.patience.slack);
        clock.since = (clock.unread_bytes > 0).then(Instant::now);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { slack: Duration::from_secs(30), bytes_per_s_min: 10 };

    async fn wait_s(seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_waits_is_read_too_slowly_and_one_that_is_read_is_not() {
        let answers = UnreadAnswers::new(PATIENCE);
        let answer = answers.begin(());
        wait_s(60).await;
        assert!(!answers.are_read_too_slowly(), "the client waits for the server");
        let piece = answer.piece(Bytes::from_static(b"0123456789"));
        wait_s(29).await;
        assert!(!answers.are_read_too_slowly());
        drop(piece);
        wait_s(60).await;
        assert!(!answers.are_read_too_slowly(), "all was read");
        // One second was earned, and 29 are used.
        let piece = answer.piece(Bytes::from_static(b"0"));
        wait_s(2).await;
        assert!(answers.are_read_too_slowly());
        drop(piece);
        assert!(!answers.are_read_too_slowly());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_read_earns_nothing_for_another_one() {
        let answers = UnreadAnswers::new(PATIENCE);
        let (stalled, read) = (answers.begin(()), answers.begin(()));
        let _stalled = stalled.piece(Bytes::from_static(b"0"));
        for _ in 0..29 {
            let piece = read.piece(Bytes::from(vec![0; 100]));
            wait_s(1).await;
            drop(piece);
        }
        assert!(!answers.are_read_too_slowly());
        wait_s(1).await;
        assert!(answers.are_read_too_slowly());
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_answer_holds_lasts_until_its_last_piece_is_written() {
        let answers = UnreadAnswers::new(PATIENCE);
        let held = Arc::new(());
        let answer = answers.begin(Arc::clone(&held));
        let pieces =
            [answer.piece(Bytes::from_static(b"a")), answer.piece(Bytes::from_static(b"b"))];
        drop(answer);
        let [first, second] = pieces;
        drop(first);
        assert_eq!(Arc::strong_count(&held), 2);
        drop(second);
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_were_read_do_not_pile_up() {
        let answers = UnreadAnswers::new(PATIENCE);
        let open: Vec<_> = (0..100).map(|_| answers.begin(())).collect();
        for _ in 0..10_000 {
            drop(answers.begin(()));
        }
        assert!(lock(&answers.0.listed).answers.len() <= 400);
        drop(open);
    }
}
