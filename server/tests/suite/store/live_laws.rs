//! The laws of the live view: it follows events in the order in which they were stored.

use lamplight_server::store::{EventFilter, LivePlace, LivePosition, LiveTail, Storage};

use crate::store::backend::Backend;
use crate::store::sample::{NOW, bad, client_id, good, number, plan, plan_at, producer, shared};

crate::laws!(
    the_live_view_follows_the_order_of_storing,
    the_live_view_goes_on_from_where_it_stopped,
    the_live_view_shows_only_what_matches,
    the_live_view_begins_after_what_was_stored_before,
    a_live_position_survives_a_restart,
    a_position_beyond_the_end_starts_over_with_a_gap,
    storing_events_is_announced,
);

/// Stores events of one producer: what is stored in several databases has no order.
async fn store(storage: &Storage, payload: u128, received_ms: i64, names: &[&str]) {
    let first = u64::try_from(payload).unwrap() * 100;
    let events = (first..).zip(names).map(|(seq, name)| (number(1, seq), good(name))).collect();
    let plans = shared([plan_at(received_ms, payload, events)]);
    storage.events.apply(plans, NOW).await.unwrap();
}

async fn tail(storage: &Storage, after: &LivePlace, limit: u32) -> LiveTail {
    storage.reader.live(EventFilter::default(), after.clone(), limit).await.unwrap()
}

fn names(tail: &LiveTail) -> Vec<&str> {
    tail.events.iter().map(|(_, event)| event.name.as_str()).collect()
}

async fn the_live_view_follows_the_order_of_storing(Backend { storage, .. }: Backend) {
    store(&storage, 3, NOW + 3, &["c", "d"]).await;
    store(&storage, 1, NOW + 1, &["a"]).await;
    store(&storage, 2, NOW + 2, &["b"]).await;
    let tail = tail(&storage, &LivePlace::default(), 10).await;
    assert_eq!(names(&tail), ["c", "d", "a", "b"]);
    let in_each = |place: &LivePlace| (place.in_shard(1), place.in_shard(2));
    assert!(tail.events.is_sorted_by_key(|(place, _)| in_each(place)));
    assert_eq!((tail.has_more, tail.has_gap), (false, false));
}

async fn the_live_view_goes_on_from_where_it_stopped(Backend { storage, .. }: Backend) {
    let mut want = Vec::new();
    for payload in 1..=5 {
        let events: Vec<String> = (0..payload).map(|at| format!("e{payload}_{at}")).collect();
        let refs: Vec<&str> = events.iter().map(String::as_str).collect();
        store(&storage, payload, NOW + 1, &refs).await;
        want.extend(events);
    }
    for limit in [1, 2, 3, 100] {
        let (mut seen, mut after) = (Vec::new(), LivePlace::default());
        loop {
            let tail = tail(&storage, &after, limit).await;
            assert!(tail.events.len() <= limit as usize);
            seen.extend(names(&tail).into_iter().map(str::to_owned));
            after = tail.next;
            if !tail.has_more {
                break;
            }
        }
        assert_eq!(seen, want, "{limit} at once");
        assert_eq!(names(&tail(&storage, &after, limit).await), [""; 0]);
    }
}

async fn the_live_view_shows_only_what_matches(Backend { storage, .. }: Backend) {
    let events = vec![
        (number(1, 1), good("a")),
        (number(2, 1), good("a")),
        (number(1, 2), bad()),
        (client_id("x"), good("b")),
    ];
    storage.events.apply(shared([plan(1, events)]), NOW).await.unwrap();
    for (filter, want) in [
        (EventFilter { producer: Some(producer(1)), ..EventFilter::default() }, vec![0]),
        (EventFilter { name: Some("a".into()), ..EventFilter::default() }, vec![0, 1]),
        (EventFilter::default(), vec![0, 1, 3]),
        (EventFilter { user: Some("ann".into()), ..EventFilter::default() }, vec![]),
    ] {
        let tail = storage.reader.live(filter, LivePlace::default(), 10).await.unwrap();
        let indexes: Vec<u32> = tail.events.iter().map(|(_, event)| event.index).collect();
        assert_eq!(indexes, want);
    }
}

async fn the_live_view_begins_after_what_was_stored_before(Backend { storage, .. }: Backend) {
    store(&storage, 1, NOW + 1, &["before"]).await;
    let end = storage.reader.live_end().await.unwrap();
    assert_eq!(names(&tail(&storage, &end, 10).await), [""; 0]);
    store(&storage, 2, NOW + 2, &["after"]).await;
    assert_eq!(names(&tail(&storage, &end, 10).await), ["after"]);
}

async fn a_live_position_survives_a_restart(backend: Backend) {
    store(&backend.storage, 1, NOW + 1, &["a", "b"]).await;
    let first = tail(&backend.storage, &LivePlace::default(), 1).await;
    let backend = backend.reopened().await;
    store(&backend.storage, 2, NOW + 2, &["c"]).await;
    let rest = tail(&backend.storage, &first.next, 10).await;
    assert_eq!((names(&rest), rest.has_gap), (vec!["b", "c"], false));
}

async fn a_position_beyond_the_end_starts_over_with_a_gap(Backend { storage, .. }: Backend) {
    store(&storage, 1, NOW + 1, &["a"]).await;
    let beyond = LivePosition { payload: 1_000, index: 0 };
    let tail = tail(&storage, &beyond.into(), 10).await;
    assert_eq!((names(&tail), tail.has_gap), (vec!["a"], true));
}

async fn storing_events_is_announced(Backend { storage, .. }: Backend) {
    let mut changes = storage.reader.changes();
    assert!(!changes.has_changed().unwrap());
    store(&storage, 1, NOW + 1, &["a"]).await;
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    store(&storage, 2, NOW + 2, &["b"]).await;
    assert!(changes.has_changed().unwrap());
}
