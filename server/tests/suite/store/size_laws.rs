//! The laws of large answers: a backend may cut them into parts, and the parts have everything.

use lamplight_server::store::{EventFilter, EventQuery, LivePlace, Storage};

use crate::store::backend::Backend;
use crate::store::sample::{NOW, good_with, number, plan, producer, shared};

crate::laws!(
    pages_of_large_events_give_every_event_once,
    the_live_view_gives_every_large_event_once,
);

/// Sixty events of 100 KB each, in three payloads. Gives their numbers.
async fn store_large(storage: &Storage) -> Vec<u64> {
    let text = "x".repeat(100_000);
    for payload in 0..3_u64 {
        let large = |seq| {
            let json = format!(r#"{{"n":{seq},"text":"{text}"}}"#);
            (number(1, seq), good_with("large", |it| it.properties_json = Some(json)))
        };
        let events = (payload * 20 + 1..=payload * 20 + 20).map(large).collect();
        let plan = plan(u128::from(payload) + 1, events);
        storage.events.apply(shared([plan]), NOW).await.unwrap();
    }
    (1..=60).collect()
}

async fn pages_of_large_events_give_every_event_once(Backend { storage, .. }: Backend) {
    let mut want = store_large(&storage).await;
    want.reverse();
    let of_producer = EventFilter { producer: Some(producer(1)), ..EventFilter::default() };
    for filter in [EventFilter::default(), of_producer] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let query = EventQuery { filter: filter.clone(), after, limit: 500 };
            let page = storage.reader.events(query).await.unwrap();
            seen.extend(page.events.iter().filter_map(|event| event.number).map(|(_, seq)| seq));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, want, "{filter:?}");
    }
}

async fn the_live_view_gives_every_large_event_once(Backend { storage, .. }: Backend) {
    let want = store_large(&storage).await;
    let mut after = LivePlace::default();
    let mut seen = Vec::new();
    loop {
        let tail = storage.reader.live(EventFilter::default(), after, 500).await.unwrap();
        let numbers = tail.events.iter().filter_map(|(_, event)| event.number);
        seen.extend(numbers.map(|(_, seq)| seq));
        after = tail.next;
        if !tail.has_more {
            break;
        }
    }
    assert_eq!(seen, want);
}
