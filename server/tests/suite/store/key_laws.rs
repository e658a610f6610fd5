//! The laws of `Keys`.

use lamplight_server::store::{Key, KeyKind, KeyRules, Storage};

use crate::store::backend::Backend;
use crate::store::sample::NOW;

crate::laws!(
    a_key_is_added_once,
    keys_are_listed_oldest_first,
    a_change_writes_the_rules_and_whether_the_key_is_disabled,
    an_unknown_key_is_not_changed,
    keys_survive_a_restart,
    a_first_key_is_added_while_there_is_none_of_its_kind,
    of_servers_that_start_together_one_adds_the_first_keys,
);

fn key(text: &str, made_ms: i64) -> Key {
    Key::new(KeyKind::Secret, "backend", text, made_ms)
}

async fn list(storage: &Storage) -> Vec<Key> {
    storage.keys.list().await.unwrap()
}

async fn a_key_is_added_once(Backend { storage, .. }: Backend) {
    let key = key("sk_very_secret_indeed", NOW);
    assert_eq!(key.public_text, None);
    storage.keys.add(vec![key.clone()]).await.unwrap();
    let later = Key::new(KeyKind::Secret, "elsewhere", "sk_very_secret_indeed", NOW + 1);
    storage.keys.add(vec![later]).await.unwrap();
    assert_eq!(list(&storage).await, [key]);
}

async fn keys_are_listed_oldest_first(Backend { storage, .. }: Backend) {
    let keys = [key("sk_b", NOW + 1), key("sk_c", NOW + 2), key("sk_a", NOW)];
    storage.keys.add(keys.to_vec()).await.unwrap();
    let [second, third, first] = keys;
    assert_eq!(list(&storage).await, [first, second, third]);
}

async fn a_change_writes_the_rules_and_whether_the_key_is_disabled(
    Backend { storage, .. }: Backend,
) {
    let (known, other) = (key("sk_a", NOW), key("sk_b", NOW + 1));
    storage.keys.add(vec![known.clone(), other.clone()]).await.unwrap();
    let rules = KeyRules {
        origins: vec!["https://app.example".into(), "https://\"quoted\".example".into()],
        bytes_per_s: Some(1_000),
        events_per_s: Some(10),
    };
    let disabled = Key { rules: rules.clone(), disabled_ms: Some(NOW + 5), ..known.clone() };
    let renamed = Key { source: "elsewhere".into(), made_ms: NOW + 9, ..disabled.clone() };
    assert!(storage.keys.change(renamed).await.unwrap());
    assert_eq!(list(&storage).await, [disabled, other.clone()], "nothing else changes");
    assert!(storage.keys.change(known.clone()).await.unwrap());
    assert_eq!(list(&storage).await, [known, other]);
}

async fn an_unknown_key_is_not_changed(Backend { storage, .. }: Backend) {
    assert!(!storage.keys.change(key("sk_a", NOW)).await.unwrap());
    assert_eq!(list(&storage).await, []);
}

async fn keys_survive_a_restart(backend: Backend) {
    let write = Key::new(KeyKind::Write, "web", "wk_try_me", NOW);
    let rules = KeyRules { origins: vec!["https://app.example".into()], ..KeyRules::default() };
    let viewer = Key { rules, ..Key::new(KeyKind::Viewer, "api", "vt_secret", NOW + 1) };
    backend.storage.keys.add(vec![write.clone(), viewer.clone()]).await.unwrap();
    let backend = backend.reopened().await;
    assert_eq!(list(&backend.storage).await, [write, viewer]);
}

async fn a_first_key_is_added_while_there_is_none_of_its_kind(Backend { storage, .. }: Backend) {
    let of = |kind: KeyKind, text: &str| Key::new(kind, "first", text, NOW + 5);
    let secret = key("sk_a", NOW);
    storage.keys.add(vec![secret.clone()]).await.unwrap();
    let (write, admin) = (of(KeyKind::Write, "wk_first"), of(KeyKind::Admin, "at_first"));
    let first = vec![write.clone(), of(KeyKind::Secret, "sk_first"), admin.clone()];
    let added = storage.keys.add_first(first).await.unwrap();
    assert_eq!(added, [KeyKind::Write, KeyKind::Admin], "there was a secret key");
    let later = vec![of(KeyKind::Write, "wk_later"), of(KeyKind::Admin, "at_later")];
    assert_eq!(storage.keys.add_first(later).await.unwrap(), []);
    let mut kept = list(&storage).await;
    kept.sort_by_key(|key| key.id.clone());
    assert_eq!(kept, [admin, secret, write]);
}

async fn of_servers_that_start_together_one_adds_the_first_keys(Backend { storage, .. }: Backend) {
    let first = |server: usize| {
        let of = |kind: KeyKind| Key::new(kind, "first", &format!("{kind:?}_{server}"), NOW);
        storage.keys.add_first(vec![of(KeyKind::Write), of(KeyKind::Admin)])
    };
    let added: [_; 4] = tokio::join!(first(0), first(1), first(2), first(3)).into();
    let mut added: Vec<_> = added.into_iter().map(Result::unwrap).collect();
    added.retain(|kinds| !kinds.is_empty());
    assert_eq!(added, [[KeyKind::Write, KeyKind::Admin]]);
    assert_eq!(list(&storage).await.len(), 2);
}
