//! Sessions that began at another server on the same database.
//!
//! A session that this server does not know may be a second old and of another server. So the
//! database is asked before anyone is sent away. Cookies that somebody made up cost little:
//! requests that wait at the same time share one look, and looks have a pause between them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::sessions::SessionBook;
use crate::store::{Session, Sessions, StoreError};

/// The shortest time between the beginnings of two looks.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest that a request waits for what others began.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// How often a look begins again because something changed here meanwhile.
const TRIES: u32 = 3;

/// The sessions of all servers on a database, or of one that is alone.
#[derive(Default)]
pub struct SharedSessions {
    /// The sessions that this server knows.
    pub book: Arc<SessionBook>,
    /// Where others keep theirs.
    store: Option<Arc<dyn Sessions>>,
    /// When the last look began.
    looked: Mutex<Option<Instant>>,
}

impl fmt::Debug for SharedSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSessions").field("book", &self.book).finish_non_exhaustive()
    }
}

impl SharedSessions {
    /// Those of a server that is alone, or of one that shares `store` with others.
    pub fn new(book: Arc<SessionBook>, store: Option<Arc<dyn Sessions>>) -> Self {
        Self { book, store, looked: Mutex::default() }
    }

    /// The session with this secret, whichever server it began at.
    pub async fn find(&self, secret: &str, now_ms: i64) -> Option<Session> {
        if let Some(session) = self.book.find(secret, now_ms) {
            return Some(session);
        }
        let store = self.store.as_deref()?;
        match tokio::time::timeout(WAIT_MAX, self.look(store, now_ms)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "failed to look for a session"),
            Err(_) => tracing::warn!("failed to look for a session within {WAIT_MAX:?}"),
        }
        self.book.find(secret, now_ms)
    }

    /// Looks into the database, unless another request began to do so after this call.
    async fn look(&self, store: &dyn Sessions, now_ms: i64) -> Result<(), StoreError> {
        let asked = Instant::now();
        let mut looked = self.looked.lock().await;
        if looked.is_some_and(|looked| looked >= asked) {
            return Ok(());
        }
        if let Some(last) = *looked {
            tokio::time::sleep_until(last + PAUSE).await;
        }
        *looked = Some(Instant::now());
        self.take_over(store, now_ms).await
    }

    /// Takes over which sessions there are at all servers.
    ///
    /// # Errors
    /// [`StoreError`], having changed nothing.
    pub async fn refresh(&self, now_ms: i64) -> Result<(), StoreError> {
        let Some(store) = self.store.as_deref() else { return Ok(()) };
        // One after the other, so that what was read first does not count last.
        let mut looked = self.looked.lock().await;
        *looked = Some(Instant::now());
        self.take_over(store, now_ms).await
    }

    async fn take_over(&self, store: &dyn Sessions, now_ms: i64) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let changes = self.book.changes();
            if self.book.replace(store.list(now_ms).await?, changes) {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::store::Answer;
    use crate::store::keys::KeyHash;
    use crate::system::entropy::SystemEntropy;

    /// Counts how often it is asked. The first answer is late, and of before there were sessions.
    struct Counted(Vec<Session>, AtomicU32);

    impl Sessions for Counted {
        fn list(&self, _: i64) -> Answer<'_, Vec<Session>> {
            let is_first = self.1.fetch_add(1, Ordering::Relaxed) == 0;
            Box::pin(async move {
                let wait_ms = if is_first { 300 } else { 10 };
                tokio::time::sleep(Duration::from_millis(wait_ms)).await;
                Ok(if is_first { Vec::new() } else { self.0.clone() })
            })
        }

        fn add(&self, _: Session) -> Answer<'_, ()> {
            Box::pin(async { Ok(()) })
        }

        fn remove(&self, _: KeyHash) -> Answer<'_, ()> {
            Box::pin(async { Ok(()) })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_of_another_server_is_found_and_made_up_ones_cost_few_looks() {
        let (session, secret) = SessionBook::make("at_1", 0, &SystemEntropy).unwrap();
        let store = Arc::new(Counted(vec![session.clone()], AtomicU32::new(0)));
        let shared: Arc<dyn Sessions> = Arc::<Counted>::clone(&store);
        let sessions = Arc::new(SharedSessions::new(Arc::default(), Some(shared)));
        let following = Arc::clone(&sessions);
        let following = tokio::spawn(async move { following.refresh(1).await });
        tokio::time::sleep(Duration::from_millis(1)).await;
        let begun = Instant::now();
        let guesses: Vec<_> = (0..500)
            .map(|number| {
                let sessions = Arc::clone(&sessions);
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(number)).await;
                    sessions.find(&format!("guess {number}"), 1).await
                })
            })
            .collect();
        assert_eq!(sessions.find(&secret, 1).await, Some(session.clone()));
        assert_eq!(sessions.find(&secret, 1).await, Some(session));
        following.await.unwrap().unwrap();
        assert!(sessions.find(&secret, 1).await.is_some(), "what was read first counts first");
        for guess in guesses {
            assert_eq!(guess.await.unwrap(), None);
        }
        let looks = store.1.load(Ordering::Relaxed);
        assert!((1..=8).contains(&looks), "{looks} looks in {:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn a_server_that_is_alone_asks_nobody() {
        let sessions = SharedSessions::default();
        assert_eq!(sessions.find("guess", 1).await, None);
    }
}
