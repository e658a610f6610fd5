//! The laws of scopes: numbers count within a source, ids within a source and kind of key, and what
//! a client claims moves only the counts of its own source, up to a limit.

use lamplight_server::store::ledger::ahead_max;
use lamplight_server::store::{
    Applied, EventFilter, EventQuery, EventRef, EventTrace, Forgotten, LISTED_RANGES_MAX, Plan,
    Position, ProducerQuery, ProducerRow, Storage,
};

use crate::store::backend::Backend;
use crate::store::sample::{NOW, client_id, declaring, good, number, plan, producer, shared};

crate::laws!(
    numbers_count_within_their_source,
    ids_count_within_their_source_and_kind_of_key,
    the_events_of_a_producer_are_listed_once_in_all_its_sources,
    what_is_claimed_far_ahead_counts_nothing_and_is_shown,
    a_forgotten_source_counts_only_what_arrived,
    the_ranges_of_a_producer_are_listed_in_pages,
);

/// The plan, of another source.
fn from(source: &str, plan: Plan) -> Plan {
    Plan { source: source.into(), ..plan }
}

async fn apply(storage: &Storage, plans: impl IntoIterator<Item = Plan>) -> Vec<Applied> {
    storage.events.apply(shared(plans), NOW).await.unwrap()
}

fn query(limit: u32) -> ProducerQuery {
    let (verdict, source, producer, after_number, after) = (None, None, None, 0, None);
    ProducerQuery { verdict, source, producer, after_number, after, limit, now_ms: NOW }
}

async fn ledger(storage: &Storage, source: &str, number: u128) -> ProducerRow {
    let (source, producer) = (Some(source.to_owned()), Some(producer(number)));
    let page = storage.reader.producers(ProducerQuery { source, producer, ..query(1) }).await;
    page.unwrap().producers.remove(0)
}

async fn numbers_count_within_their_source(Backend { storage, .. }: Backend) {
    let one = |at: u128| plan(at, vec![(number(1, 1), good("a"))]);
    let claim = declaring(plan(4, Vec::new()), producer(1), 4_000_000_000, &[("quota", (1, 50))]);
    let hostile = [from("other", one(1)), from("other", claim)];
    apply(&storage, hostile).await;
    let mine = apply(&storage, [one(2), one(3)]).await;
    assert_eq!(
        mine.iter().map(|it| (it.stored, it.duplicates)).collect::<Vec<_>>(),
        [(1, 0), (0, 1)]
    );
    let sources = storage.reader.sources().await.unwrap();
    assert_eq!(sources.len(), 2);
    let web = &sources[1];
    assert_eq!((web.source.as_str(), web.producers), ("web", 1));
    assert_eq!((web.made, web.received, web.declared, web.missing), (1, 1, 0, 0));
    assert_eq!(ledger(&storage, "web", 1).await.made, 1);
    for (source, repeats_of) in [("web", 1), ("other", 0)] {
        let event = EventRef::NumberOf(source.into(), producer(1), 1);
        match storage.reader.event(event).await.unwrap() {
            Some(EventTrace::Stored { event, repeats }) => {
                assert_eq!((event.row.source.as_str(), repeats.len()), (source, repeats_of));
            }
            other => panic!("{other:?}"),
        }
    }
    let nowhere = EventRef::NumberOf("nowhere".into(), producer(1), 1);
    assert!(storage.reader.event(nowhere).await.unwrap().is_none());
    match storage.reader.event(EventRef::NumberOf("other".into(), producer(1), 7)).await.unwrap() {
        Some(EventTrace::Missing { source, seq: 7, .. }) => assert_eq!(source, "other"),
        other => panic!("{other:?}"),
    }
}

async fn ids_count_within_their_source_and_kind_of_key(Backend { storage, .. }: Backend) {
    let one = |at: u128| plan(at, vec![(client_id("order-1"), good("paid"))]);
    let secret = |plan: Plan| Plan { is_secret: true, ..plan };
    // Someone with the public key takes the id first.
    let plans = [one(1), secret(one(2)), from("other", one(3)), secret(one(4)), one(5)];
    let stored: Vec<u64> = apply(&storage, plans).await.iter().map(|it| it.stored).collect();
    assert_eq!(stored, [1, 1, 1, 0, 0], "another key of the same kind and source is a retry");
    for (event, want) in [
        (EventRef::ClientId("order-1".into()), 2),
        (EventRef::ClientIdOf("web".into(), "order-1".into()), 2),
        (EventRef::ClientIdOf("other".into(), "order-1".into()), 3),
    ] {
        match storage.reader.event(event.clone()).await.unwrap() {
            Some(EventTrace::Stored { event: found, .. }) => {
                assert_eq!(found.row.payload.0.as_u128(), want, "{event:?}");
            }
            other => panic!("{event:?}: {other:?}"),
        }
    }
    let nowhere = EventRef::ClientIdOf("nowhere".into(), "order-1".into());
    assert!(storage.reader.event(nowhere).await.unwrap().is_none());
    let again = [secret(one(6)), one(7)];
    assert!(apply(&storage, again).await.iter().all(|it| it.duplicates == 1));
}

async fn the_events_of_a_producer_are_listed_once_in_all_its_sources(
    Backend { storage, .. }: Backend,
) {
    let numbers = |at: u128, seqs: &[u64]| {
        plan(at, seqs.iter().map(|seq| (number(1, *seq), good("a"))).collect())
    };
    let plans = [
        numbers(1, &[1, 2, 3]),
        from("app", numbers(2, &[2, 3, 4])),
        from("tv", numbers(3, &[3, 9])),
        numbers(4, &[4, 6]),
    ];
    apply(&storage, plans).await;
    for (source, want) in [
        (None, vec![9, 6, 4, 4, 3, 3, 3, 2, 2, 1]),
        (Some("web"), vec![6, 4, 3, 2, 1]),
        (Some("app"), vec![4, 3, 2]),
        (Some("x"), vec![]),
    ] {
        for limit in [1, 2, 3, 20] {
            let filter = EventFilter {
                producer: Some(producer(1)),
                source: source.map(str::to_owned),
                ..EventFilter::default()
            };
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let query = EventQuery { filter: filter.clone(), after, limit };
                let page = storage.reader.events(query).await.unwrap();
                assert!(page.events.len() <= limit as usize);
                seen.extend(page.events.iter().map(|it| (it.number.unwrap().1, it.id)));
                after = page.next;
                assert!(matches!(after, None | Some(Position::Seq(..))));
                if after.is_none() {
                    break;
                }
            }
            let numbers: Vec<u64> = seen.iter().map(|(seq, _)| *seq).collect();
            assert_eq!(numbers, want, "{source:?} in pages of {limit}");
            assert!(seen.windows(2).all(|two| two[0] > two[1]), "each row once: {seen:?}");
        }
    }
}

async fn what_is_claimed_far_ahead_counts_nothing_and_is_shown(Backend { storage, .. }: Backend) {
    let first = plan(1, vec![(number(1, 1), good("a"))]);
    let claim = declaring(plan(2, Vec::new()), producer(1), 4_000_000_000, &[]);
    let far = plan(3, vec![(number(2, 4_000_000_000), good("a"))]);
    apply(&storage, [first, claim, far]).await;
    let row = ledger(&storage, "web", 1).await;
    assert_eq!((row.made, row.missing), (1 + ahead_max(1), ahead_max(1)));
    assert_eq!(row.claimed, Some(3_999_999_999));
    let totals = storage.reader.totals(NOW).await.unwrap();
    assert_eq!(totals.made, 2 * (1 + ahead_max(1)) + 1);
    assert_eq!(totals.made, totals.stored + totals.in_flight);
    apply(&storage, [plan(4, vec![(number(1, 2), good("a"))])]).await;
    let row = ledger(&storage, "web", 1).await;
    assert_eq!((row.made, row.received), (2 + ahead_max(2), 2), "an arrival makes more believable");
}

async fn a_forgotten_source_counts_only_what_arrived(backend: Backend) {
    let storage = &backend.storage;
    let mixed = declaring(
        plan(1, vec![(number(1, 1), good("a")), (number(1, 5), good("a"))]),
        producer(1),
        4_000_000_000,
        &[("quota", (2, 3))],
    );
    let claim = declaring(plan(2, Vec::new()), producer(2), 900, &[("quota", (1, 9))]);
    let complete = plan(3, vec![(number(3, 1), good("a"))]);
    let other = from("app", declaring(plan(4, Vec::new()), producer(1), 11, &[]));
    apply(storage, [mixed, claim, complete, other]).await;
    let done = storage.events.forget("web".into()).await.unwrap();
    let missing = ahead_max(2) - 2 + 890;
    assert_eq!(done, Forgotten { producers: 2, declared: 2 + 9, missing });
    let backend = backend.reopened().await;
    let storage = &backend.storage;
    let totals = storage.reader.totals(NOW).await.unwrap();
    assert_eq!((totals.made, totals.stored), (3 + 10, 3));
    assert_eq!((totals.declared, totals.in_flight, totals.lost), (0, 10, 0), "those of the app");
    let sources = storage.reader.sources().await.unwrap();
    let web = sources.iter().find(|it| it.source == "web").unwrap();
    assert_eq!((web.producers, web.made, web.received), (2, 3, 3));
    // What arrives again is a duplicate, and what arrives late counts.
    let again = plan(5, vec![(number(1, 5), good("a")), (number(1, 4), good("a"))]);
    let applied = apply(storage, [again]).await;
    assert_eq!((applied[0].stored, applied[0].duplicates), (1, 1));
    let totals = storage.reader.totals(NOW).await.unwrap();
    assert_eq!((totals.made, totals.stored, totals.in_flight), (4 + 10, 4, 10));
    assert_eq!(storage.events.forget("web".into()).await.unwrap(), Forgotten::default());
    assert_eq!(storage.events.forget("nobody".into()).await.unwrap(), Forgotten::default());
}

async fn the_ranges_of_a_producer_are_listed_in_pages(Backend { storage, .. }: Backend) {
    // Of four numbers, the first arrives, the third is dropped, and the others are missing.
    let arrive = (0..500).map(|step| (number(1, step * 4 + 1), good("a")));
    let reason = |step: u64| if step.is_multiple_of(2) { "quota" } else { "rejected" };
    let range = |step: u64| (step * 4 + 3, step * 4 + 3);
    let ranges: Vec<_> = (0..500).map(|step| (reason(step), range(step))).collect();
    let declared = declaring(plan(2, Vec::new()), producer(1), 2_001, &ranges);
    apply(&storage, [plan(1, arrive.collect()), declared]).await;
    let (mut holes, mut given_up, mut after_number, mut pages) = (0, 0, 0, 0);
    loop {
        pages += 1;
        let query = ProducerQuery { after_number, ..query(1) };
        let row = storage.reader.producers(query).await.unwrap().producers.remove(0);
        assert_eq!((row.made, row.received, row.missing, row.refused), (2_000, 500, 1_000, 0));
        assert!(row.unarrived.ranges() <= LISTED_RANGES_MAX);
        holes += row.unarrived.holes.count();
        given_up += row.unarrived.declared.iter().map(|(_, it)| it.count()).sum::<u64>();
        let Some(next) = row.unarrived.next else { break };
        assert!(next > after_number);
        after_number = next;
    }
    assert_eq!((holes, given_up, pages), (1_000, 500, 2));
}
