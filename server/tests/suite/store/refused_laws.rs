//! The laws of listing arrivals that are not in `events`.

use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    EventIdentity, Outcome, RefusedContent, RefusedPage, RefusedQuery, Storage,
};

use crate::store::backend::Backend;
use crate::store::sample::{NOW, bad, client_id, good, number, plan_at, producer, shared};

crate::laws!(
    refused_arrivals_are_listed_by_outcome_newest_first,
    refused_arrivals_are_found_by_source_producer_and_time,
    pages_give_every_refused_arrival_once,
    a_refused_arrival_says_what_was_wrong,
);

fn query(outcome: Outcome) -> RefusedQuery {
    let (from_ms, to_ms) = (None, None);
    RefusedQuery { outcome, source: None, producer: None, from_ms, to_ms, after: None, limit: 100 }
}

async fn page(storage: &Storage, query: RefusedQuery) -> RefusedPage {
    storage.reader.refused(query).await.unwrap()
}

async fn weeks(storage: &Storage, query: RefusedQuery) -> Vec<i64> {
    let events = page(storage, query).await.events;
    events.iter().map(|event| (event.received_ms - NOW) / WEEK_MS).collect()
}

/// In each of four weeks: an invalid event of producer 1 and of producer 2, and a duplicate of `x`.
async fn four_weeks(storage: &Storage) {
    for week in 0..4_u64 {
        let mut events = vec![
            (number(1, week + 1), bad()),
            (number(2, week + 1), bad()),
            (client_id("x"), good("a")),
        ];
        if week == 0 {
            events.push((client_id("x"), good("a")));
        }
        let received_ms = NOW + i64::try_from(week).unwrap() * WEEK_MS;
        let mut plan = plan_at(received_ms, u128::from(week) + 1, events);
        if week == 3 {
            plan.source = "backend".into();
            plan.events.pop();
        }
        storage.events.apply(shared([plan]), NOW).await.unwrap();
    }
}

async fn refused_arrivals_are_listed_by_outcome_newest_first(Backend { storage, .. }: Backend) {
    four_weeks(&storage).await;
    let invalid = weeks(&storage, query(Outcome::Invalid)).await;
    assert_eq!(invalid, [3, 3, 2, 2, 1, 1, 0, 0]);
    assert_eq!(weeks(&storage, query(Outcome::Duplicate)).await, [2, 1, 0]);
    assert_eq!(weeks(&storage, query(Outcome::Stored)).await, [0; 0]);
}

async fn refused_arrivals_are_found_by_source_producer_and_time(Backend { storage, .. }: Backend) {
    four_weeks(&storage).await;
    let invalid = || query(Outcome::Invalid);
    let from_producer = RefusedQuery { producer: Some(producer(2)), ..invalid() };
    assert_eq!(weeks(&storage, from_producer.clone()).await, [3, 2, 1, 0]);
    let from_source = RefusedQuery { source: Some("backend".into()), ..invalid() };
    assert_eq!(weeks(&storage, from_source).await, [3, 3]);
    let (from_ms, to_ms) = (Some(NOW + WEEK_MS), Some(NOW + 3 * WEEK_MS));
    let span = RefusedQuery { from_ms, to_ms, ..from_producer };
    assert_eq!(weeks(&storage, span).await, [2, 1], "the end is not in the span");
    let nobody = RefusedQuery { producer: Some(producer(9)), ..invalid() };
    assert_eq!(weeks(&storage, nobody).await, [0; 0]);
}

async fn pages_give_every_refused_arrival_once(Backend { storage, .. }: Backend) {
    four_weeks(&storage).await;
    let all = page(&storage, query(Outcome::Invalid)).await;
    assert_eq!(all.next, None);
    let want: Vec<_> = all.events.iter().map(|event| event.id).collect();
    for limit in [1, 3, 8] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = page(&storage, RefusedQuery { after, limit, ..query(Outcome::Invalid) });
            let page = page.await;
            assert!(page.events.len() <= limit as usize);
            seen.extend(page.events.iter().map(|event| event.id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, want, "{limit} a page");
    }
}

async fn a_refused_arrival_says_what_was_wrong(Backend { storage, .. }: Backend) {
    let events = vec![(EventIdentity::Anonymous, good("a")), (client_id("x"), bad())];
    let plan = plan_at(NOW, 1, events);
    let payload = plan.payload;
    storage.events.apply(shared([plan]), NOW + 9).await.unwrap();
    let found = page(&storage, query(Outcome::Invalid)).await.events.remove(0);
    assert_eq!(found.reason.as_deref(), Some("name_missing"));
    assert_eq!(found.detail.as_deref(), Some("no name"));
    assert_eq!(
        found.content,
        Some(RefusedContent::new([None, None, None, None], None, Some("{}")))
    );
    assert_eq!((found.event_id.as_deref(), found.number), (Some("x"), None));
    assert_eq!((found.payload, found.index, found.source.as_str()), (payload, 1, "web"));
    assert_eq!((found.received_ms, found.applied_ms), (NOW, NOW + 9));
}
