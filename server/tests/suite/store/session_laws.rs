//! The laws of `Sessions`.

use lamplight_server::store::sessions::SESSIONS_MAX;
use lamplight_server::store::{Session, Storage};

use crate::store::backend::Backend;
use crate::store::sample::NOW;

crate::laws!(
    sessions_are_listed_until_they_end,
    a_removed_session_is_gone,
    the_session_that_ends_first_makes_room,
    sessions_survive_a_restart,
);

fn session(number: u16, expires_ms: i64) -> Session {
    let mut hash = [0; 32];
    hash[..2].copy_from_slice(&number.to_be_bytes());
    Session { hash, key_id: "at_1".into(), made_ms: NOW, expires_ms }
}

async fn list(storage: &Storage, now_ms: i64) -> Vec<Session> {
    storage.sessions.list(now_ms).await.unwrap()
}

async fn sessions_are_listed_until_they_end(Backend { storage, .. }: Backend) {
    let (short, long) = (session(1, NOW + 10), session(2, NOW + 20));
    storage.sessions.add(long.clone()).await.unwrap();
    storage.sessions.add(short.clone()).await.unwrap();
    assert_eq!(list(&storage, NOW).await, [short, long.clone()]);
    assert_eq!(list(&storage, NOW + 10).await, std::slice::from_ref(&long));
    let later = Session { made_ms: NOW + 20, ..session(3, NOW + 30) };
    storage.sessions.add(later.clone()).await.unwrap();
    assert_eq!(list(&storage, NOW).await, [later], "those that ended are deleted");
}

async fn a_removed_session_is_gone(Backend { storage, .. }: Backend) {
    let (one, other) = (session(1, NOW + 10), session(2, NOW + 20));
    storage.sessions.add(one.clone()).await.unwrap();
    storage.sessions.add(other.clone()).await.unwrap();
    storage.sessions.remove(one.hash).await.unwrap();
    storage.sessions.remove(one.hash).await.unwrap();
    assert_eq!(list(&storage, NOW).await, [other]);
}

async fn the_session_that_ends_first_makes_room(Backend { storage, .. }: Backend) {
    let max = u16::try_from(SESSIONS_MAX).unwrap();
    for number in 0..=max {
        let session = session(number, NOW + 1 + i64::from(number));
        storage.sessions.add(session).await.unwrap();
    }
    let left = list(&storage, NOW).await;
    assert_eq!((left.len(), left[0].expires_ms), (usize::from(max), NOW + 2));
}

async fn sessions_survive_a_restart(backend: Backend) {
    let session = session(1, NOW + 10);
    backend.storage.sessions.add(session.clone()).await.unwrap();
    let backend = backend.reopened().await;
    assert_eq!(list(&backend.storage, NOW).await, [session]);
}
