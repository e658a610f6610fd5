//! The laws of `Database`: what closing a database ends.

use lamplight_server::store::{Key, KeyKind, StoreError};

use crate::store::backend::Backend;
use crate::store::sample::{NOW, good, number, payload, plan, shared};

crate::laws!(a_database_is_up_until_it_is_closed, closing_writes_everything_that_was_answered);

async fn a_database_is_up_until_it_is_closed(Backend { storage, .. }: Backend) {
    let is_up = || (storage.intake_database.is_up(), storage.events_database.is_up());
    assert_eq!(is_up(), (true, true));
    storage.close().await.unwrap();
    assert_eq!(is_up(), (false, false));
    let staged = storage.payload_queue.stage(payload(1, "[]")).await;
    assert!(matches!(staged, Err(StoreError::Down { .. })), "{staged:?}");
    let added = storage.keys.add(vec![Key::new(KeyKind::Secret, "s", "sk_a", NOW)]).await;
    assert!(matches!(added, Err(StoreError::Down { .. })), "{added:?}");
    let applied = storage.events.apply(shared([plan(1, vec![(number(1, 1), good("a"))])]), NOW);
    assert!(applied.await.is_err());
}

async fn closing_writes_everything_that_was_answered(backend: Backend) {
    backend.storage.payload_queue.stage(payload(1, "[]")).await.unwrap();
    let plans = shared([plan(1, vec![(number(1, 1), good("a"))])]);
    backend.storage.events.apply(plans, NOW).await.unwrap();
    let backend = backend.reopened().await;
    let storage = &backend.storage;
    assert_eq!(storage.payload_queue.backlog().await.unwrap().payloads, 1);
    assert_eq!(storage.reader.totals(NOW).await.unwrap().stored, 1);
}
