//! The laws of profiles: each event is stored with what earlier events said about its user.

use lamplight_server::store::{
    DeliveryAsk, DeliveryOrder, EventFilter, EventIdentity, EventQuery, LeaseToken, PlannedOutcome,
    Route, Storage,
};
use lamplight_wire::event::Kind;

use crate::store::backend::Backend;
use crate::store::sample::{NOW, good_with, number, plan, shared};

crate::laws!(
    a_profile_is_the_same_in_whichever_order_events_arrive,
    a_delivery_knows_which_of_its_traits_are_outdated,
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

fn said_at(time_ms: i64, traits: &str) -> PlannedOutcome {
    good_with("identify", |event| {
        event.user_id = Some("ann".into());
        event.time_ms = time_ms;
        event.properties_json = Some(traits.into());
    })
}

/// Events of one user, most of them out of order. One clock runs ahead.
fn out_of_order() -> Vec<(EventIdentity, PlannedOutcome)> {
    vec![
        (number(1, 1), said_at(NOW - 10, r#"{"plan":"paid","city":null}"#)),
        (number(1, 2), said_at(NOW - 20, r#"{"plan":"free","city":"Bern","team":"a"}"#)),
        (number(1, 3), said_at(i64::MAX, r#"{"phone":"1"}"#)),
        (number(1, 4), said_at(NOW - 5, r#"{"team":"b"}"#)),
    ]
}

async fn a_profile_is_the_same_in_whichever_order_events_arrive(backend: Backend) {
    for (payload, event) in (1..).zip(out_of_order()) {
        backend.storage.events.apply(shared([plan(payload, vec![event])]), NOW).await.unwrap();
    }
    let backend = backend.reopened().await;
    let later = vec![(number(1, 5), said_at(NOW, r#"{"phone":"2"}"#))];
    backend.storage.events.apply(shared([plan(50, later)]), NOW).await.unwrap();
    let (_, profile) = profiles(&backend.storage).await.remove(0);
    let want = r#"{"traits":{"phone":"1","plan":"paid","team":"b"}}"#;
    assert_eq!(profile.as_deref(), Some(want), "said at {NOW}, before the one received at NOW + 3");
    let later = vec![(number(1, 6), said_at(NOW + 60, r#"{"phone":"3"}"#))];
    backend.storage.events.apply(shared([plan(60, later)]), NOW).await.unwrap();
    let (_, profile) = profiles(&backend.storage).await.remove(0);
    let want = r#"{"traits":{"phone":"3","plan":"paid","team":"b"}}"#;
    assert_eq!(profile.as_deref(), Some(want));
}

async fn a_delivery_knows_which_of_its_traits_are_outdated(backend: Backend) {
    let route = Route {
        sink: "a".into(),
        kind: "file",
        types: vec![Kind::Default],
        only: Vec::new(),
        except: Vec::new(),
    };
    let backend = backend.reopened_with(vec![route]).await;
    let apply = async |payload, event| {
        backend.storage.events.apply(shared([plan(payload, vec![event])]), NOW).await.unwrap();
    };
    let lease = async |token: u128| {
        let ask = DeliveryAsk {
            sink: "a".into(),
            token: LeaseToken(token),
            now_ms: NOW + i64::try_from(token).unwrap() * 1_000,
            lease_ms: 1_000,
            events_max: 100,
            bytes_max: 1 << 20,
            order: DeliveryOrder::Shared,
        };
        let (_, leased) = backend.storage.delivery_queue.lease(ask).await.unwrap();
        let mut rows: Vec<_> = leased.into_iter().filter_map(|it| it.row).collect();
        rows.sort_by_key(|row| row.number);
        rows.into_iter().map(|row| row.outdated_traits.join(" ")).collect::<Vec<_>>()
    };
    apply(1, (number(1, 1), said_at(NOW - 20, r#"{"city":"Bern","plan":"free","team":"a"}"#)))
        .await;
    apply(2, (number(1, 2), said("page", "ann", Some(r#"{"plan":"none"}"#)))).await;
    assert_eq!(lease(1).await, ["", ""]);
    apply(3, (number(1, 3), said_at(NOW - 10, r#"{"city":null,"plan":"paid"}"#))).await;
    assert_eq!(lease(5).await, ["city plan", "", ""], "its lease ended, and it is leased again");
    apply(4, (number(1, 4), said_at(NOW - 15, r#"{"plan":"trial","team":"b"}"#))).await;
    let want = ["city plan team", "", "", "plan"];
    assert_eq!(lease(9).await, want, "the last one arrived after a newer one");
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
