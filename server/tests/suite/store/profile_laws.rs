//! The laws of profiles: each event is stored with what earlier events said about its user.

use lamplight_server::store::{EventFilter, EventIdentity, EventQuery, PlannedOutcome, Storage};

use crate::store::backend::Backend;
use crate::store::sample::{NOW, good_with, number, plan, shared};

crate::laws!(
    traits_and_variants_are_stored_with_later_events_of_that_user,
    a_profile_survives_a_restart_and_a_duplicate_does_not_change_it,
);

fn said(name: &str, user: &str, properties: Option<&str>) -> PlannedOutcome {
    good_with(name, |event| {
        event.user_id = Some(user.to_owned());
        event.properties_json = properties.map(str::to_owned);
    })
}

/// Events and the profiles stored with them, newest first.
async fn profiles(storage: &Storage) -> Vec<(String, Option<String>)> {
    let query = EventQuery { filter: EventFilter::default(), after: None, limit: 100 };
    let events = storage.reader.events(query).await.unwrap().events;
    events.into_iter().map(|event| (event.name, event.profile_json)).collect()
}

async fn traits_and_variants_are_stored_with_later_events_of_that_user(
    Backend { storage, .. }: Backend,
) {
    let first = vec![
        (number(1, 1), said("early", "ann", None)),
        (number(1, 2), said("identify", "ann", Some(r#"{"plan":"paid"}"#))),
        (number(1, 3), said("late", "ann", None)),
        (number(1, 4), said("other", "bob", None)),
    ];
    let assigned = Some(r#"{"experiment":"x","variant":"blue"}"#);
    let second = vec![
        (number(1, 5), said("$experiment", "ann", assigned)),
        (EventIdentity::Anonymous, said("later", "ann", None)),
    ];
    storage.events.apply(shared([plan(1, first)]), NOW).await.unwrap();
    storage.events.apply(shared([plan(2, second)]), NOW).await.unwrap();
    let (paid, both) = (
        r#"{"traits":{"plan":"paid"}}"#,
        r#"{"traits":{"plan":"paid"},"experiments":{"x":"blue"}}"#,
    );
    let want = [
        ("later", Some(both)),
        ("$experiment", Some(both)),
        ("other", None),
        ("late", Some(paid)),
        ("identify", Some(paid)),
        ("early", None),
    ];
    let want = want.map(|(name, profile)| (name.to_owned(), profile.map(str::to_owned)));
    assert_eq!(profiles(&storage).await, want);
}

async fn a_profile_survives_a_restart_and_a_duplicate_does_not_change_it(backend: Backend) {
    let identify = |plan: &str| said("identify", "ann", Some(&format!(r#"{{"plan":"{plan}"}}"#)));
    let events = vec![(number(1, 1), identify("free"))];
    backend.storage.events.apply(shared([plan(1, events)]), NOW).await.unwrap();
    let backend = backend.reopened().await;
    let events = vec![(number(1, 1), identify("paid")), (number(1, 2), said("a", "ann", None))];
    backend.storage.events.apply(shared([plan(2, events)]), NOW).await.unwrap();
    let (name, profile) = profiles(&backend.storage).await.remove(0);
    assert_eq!((name.as_str(), profile.as_deref()), ("a", Some(r#"{"traits":{"plan":"free"}}"#)));
}
