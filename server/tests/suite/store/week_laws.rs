//! The laws of events over several weeks: no answer shows how a backend partitions them.

use std::time::Duration;

use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    EventFilter, EventIdentity, EventQuery, EventRef, EventTrace, SqlQuery, Storage,
};
use lamplight_wire::Producer;

use crate::store::backend::Backend;
use crate::store::sample::{NOW, client_id, good, number, plan_at, producer, shared};

crate::laws!(
    pages_continue_from_week_to_week,
    a_producers_numbers_are_in_order_whatever_week_they_arrived_in,
    an_event_is_stored_once_whatever_weeks_it_arrives_in,
    one_call_may_apply_payloads_of_any_number_of_weeks,
    an_event_of_an_old_week_is_found_by_number_and_by_row,
);

/// The limit on open files leaves room for all weeks and for temporary files.
#[tokio::test]
async fn a_statement_sees_ten_weeks_and_can_still_sort() {
    let Backend { storage, .. } = &Backend::sqlite().await;
    twelve_weeks(storage).await;
    let query = SqlQuery {
        sql: "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 100000) \
              SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM numbered), \
              (SELECT max(x) FROM (SELECT DISTINCT x, printf('%100d', -x) FROM n ORDER BY 2 LIMIT 9)), \
              (SELECT count(*) FROM (SELECT printf('%100d', x) FROM n EXCEPT SELECT name FROM events))"
            .to_owned(),
        filter: EventFilter::default(),
        rows_max: 10,
        bytes_max: 1_000,
        time_max: Duration::from_mins(1),
    };
    let table = storage.reader.sql(query).await.unwrap().unwrap();
    assert_eq!((table.weeks.len(), table.rows_json.as_str()), (10, "[[20,10,9,100000]]"));
}

/// An event in every other week, 12 in all. The newest is stored first and has number 1.
async fn twelve_weeks(storage: &Storage) {
    for week in (1..=12u32).rev() {
        let at = NOW + i64::from(week) * 2 * WEEK_MS;
        let events = vec![
            (number(1, 13 - u64::from(week)), good(&format!("e{week}"))),
            (EventIdentity::Anonymous, good("other")),
        ];
        storage.events.apply(shared([plan_at(at, u128::from(week), events)]), at).await.unwrap();
    }
}

async fn paged(storage: &Storage, filter: EventFilter, limit: u32) -> Vec<String> {
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let query = EventQuery { filter: filter.clone(), after, limit };
        let page = storage.reader.events(query).await.unwrap();
        assert!(page.events.len() <= limit as usize);
        names.extend(page.events.into_iter().map(|event| event.name));
        after = page.next;
        if after.is_none() {
            return names;
        }
    }
}

fn from_producer(number: u128) -> EventFilter {
    EventFilter { producer: Some(Producer::from_bits(number)), ..EventFilter::default() }
}

async fn pages_continue_from_week_to_week(Backend { storage, .. }: Backend) {
    twelve_weeks(&storage).await;
    let mut want = Vec::new();
    for week in (1..=12).rev() {
        want.extend(["other".to_owned(), format!("e{week}")]);
    }
    for limit in [1, 2, 3, 7, 100] {
        assert_eq!(paged(&storage, EventFilter::default(), limit).await, want, "{limit}");
    }
    let at = |week: i64| Some(NOW + week * 2 * WEEK_MS);
    let span = EventFilter { from_ms: at(3), to_ms: at(5), ..EventFilter::default() };
    assert_eq!(paged(&storage, span, 3).await, ["other", "e4", "other", "e3"]);
    let client_id = EventFilter { name: Some("e7".into()), ..EventFilter::default() };
    assert_eq!(paged(&storage, client_id, 3).await, ["e7"]);
}

async fn a_producers_numbers_are_in_order_whatever_week_they_arrived_in(
    Backend { storage, .. }: Backend,
) {
    twelve_weeks(&storage).await;
    // Number 12 arrived in the first week.
    let want: Vec<String> = (1..=12).map(|week| format!("e{week}")).collect();
    for limit in [1, 2, 5, 12, 100] {
        assert_eq!(paged(&storage, from_producer(1), limit).await, want, "{limit}");
    }
    assert!(paged(&storage, from_producer(2), 5).await.is_empty());
}

async fn an_event_is_stored_once_whatever_weeks_it_arrives_in(Backend { storage, .. }: Backend) {
    for week in 0..3 {
        let at = NOW + week * WEEK_MS;
        let events = vec![(number(1, 1), good("a")), (client_id("x"), good("b"))];
        let plan = plan_at(at, u128::try_from(week).unwrap() + 1, events);
        storage.events.apply(shared([plan]), at).await.unwrap();
    }
    let totals = storage.reader.totals(NOW).await.unwrap();
    assert_eq!((totals.stored, totals.duplicates), (2, 4));
    assert_eq!(paged(&storage, EventFilter::default(), 10).await, ["b", "a"]);
}

async fn one_call_may_apply_payloads_of_any_number_of_weeks(Backend { storage, .. }: Backend) {
    let plans = (0..40u128).map(|at| {
        let week = i64::try_from(at * 7 % 20).unwrap();
        plan_at(NOW + week * WEEK_MS, at + 1, vec![(EventIdentity::Anonymous, good("a"))])
    });
    let applied = storage.events.apply(shared(plans), NOW).await.unwrap();
    assert_eq!(applied.iter().map(|applied| applied.stored).sum::<u64>(), 40);
    assert_eq!(paged(&storage, EventFilter::default(), 100).await.len(), 40);
}

async fn an_event_of_an_old_week_is_found_by_number_and_by_row(backend: Backend) {
    twelve_weeks(&backend.storage).await;
    let backend = backend.reopened().await;
    let storage = &backend.storage;
    let row = |trace: Option<EventTrace>| match trace {
        Some(EventTrace::Stored { event, .. }) => event.row,
        other => panic!("not stored: {other:?}"),
    };
    for seq in 1..=12 {
        let found = row(storage.reader.event(EventRef::Number(producer(1), seq)).await.unwrap());
        assert_eq!(found.name, format!("e{}", 13 - seq));
        let again = row(storage.reader.event(EventRef::Row(found.id)).await.unwrap());
        assert_eq!(again.number, found.number);
    }
}
