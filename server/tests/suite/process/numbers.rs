//! Compares how numbered events are read, one by one and page by page, with the model.

use std::collections::BTreeSet;

use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    AggregateQuery, COUNTS_MAX, Calendar, EventFilter, EventQuery, EventRef, EventTrace, Grouping,
    Reader,
};
use lamplight_wire::Producer;

use crate::process::steps::{NUMBERED, NUMBERS, PRODUCERS, Sent};

/// Compares the events in `store` with those that arrived.
pub(crate) async fn check(store: &dyn Reader, arrived: &BTreeSet<&Sent>) {
    for producer in PRODUCERS {
        let numbers = |is_good: bool| {
            let numbered = arrived.iter().filter_map(move |sent| match sent {
                Sent::Numbered(of, seq) if *of == producer && sent.is_good() == is_good => {
                    Some(*seq)
                }
                _ => None,
            });
            numbered.collect::<BTreeSet<u64>>()
        };
        let (stored, refused) = (numbers(true), numbers(false));
        let producer = Producer::from_bits(producer);
        for seq in NUMBERS.start.saturating_sub(1)..=NUMBERS.end {
            match store.event(EventRef::Number(producer, seq)).await.unwrap() {
                Some(EventTrace::Stored { event, .. }) => {
                    assert_eq!(event.row.number, Some((producer, seq)));
                    assert!(stored.contains(&seq), "{producer} {seq} is stored");
                }
                Some(EventTrace::Refused { event, .. }) => {
                    assert_eq!(event.number, Some((producer, seq)));
                    assert!(refused.contains(&seq), "{producer} {seq} is refused");
                }
                Some(EventTrace::Missing { .. }) | None => {
                    assert!(!stored.contains(&seq) && !refused.contains(&seq), "{producer} {seq}");
                }
                Some(other) => panic!("{producer} {seq}: {other:?}"),
            }
        }
        let last_first: Vec<u64> = stored.into_iter().rev().collect();
        lists(store, producer, &last_first).await;
    }
}

/// Checks that every way to list a producer's events gives these numbers.
async fn lists(store: &dyn Reader, producer: Producer, want: &[u64]) {
    let all = EventFilter { producer: Some(producer), ..EventFilter::default() };
    for limit in [1, 2, 3, 100] {
        assert_eq!(paged(store, &all, limit).await, want, "{limit} a page");
    }
    let named = EventFilter { name: Some(NUMBERED.into()), ..all.clone() };
    assert_eq!(paged(store, &named, 2).await, want);
    let others = EventFilter { name: Some("other".into()), ..all.clone() };
    assert_eq!(paged(store, &others, 2).await, [0; 0]);
    // Wherever time is split, each event is on one side.
    for cut_ms in [1_700_000_000_001, 1_700_000_060_000, 1_700_000_000_000 + WEEK_MS] {
        let mut both = Vec::new();
        for (from_ms, to_ms) in [(None, Some(cut_ms)), (Some(cut_ms), None)] {
            let part = paged(store, &EventFilter { from_ms, to_ms, ..all.clone() }, 2).await;
            assert!(part.is_sorted_by(|a, b| a > b), "{part:?}");
            both.extend(part);
        }
        both.sort_unstable_by(|a, b| b.cmp(a));
        assert_eq!(both, want, "cut at {cut_ms}");
    }
    let filter = EventFilter { from_ms: Some(0), to_ms: Some(i64::MAX), ..all };
    let (by, calendar) = (Grouping::Name, Calendar::default());
    let counted = store
        .aggregate(AggregateQuery { filter, by, calendar, counts_max: COUNTS_MAX })
        .await
        .unwrap();
    let counts: Vec<u64> = counted.rows.iter().map(|(_, count)| *count).collect();
    let want: Vec<u64> = Some(want.len() as u64).filter(|count| *count > 0).into_iter().collect();
    assert_eq!(counts, want);
}

/// The numbers on all pages of a list.
async fn paged(store: &dyn Reader, filter: &EventFilter, limit: u32) -> Vec<u64> {
    let (mut numbers, mut after) = (Vec::new(), None);
    loop {
        let query = EventQuery { filter: filter.clone(), after, limit };
        let page = store.events(query).await.unwrap();
        assert!(page.events.len() <= limit as usize);
        numbers.extend(page.events.iter().map(|event| event.number.unwrap().1));
        after = page.next;
        if after.is_none() {
            return numbers;
        }
    }
}
