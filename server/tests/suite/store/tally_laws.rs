//! The laws of counts by time: of names, traffic and errors.

use lamplight_server::store::tally::{NAMES_MAX, PATHS_MAX};
use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    CatalogueName, CatalogueQuery, DeliveryAsk, DeliveryEnding, DeliveryOrder, ErrorGroup,
    ErrorPage, ErrorQuery, ErrorSample, ErrorStage, EventIdentity, LeaseToken, Occurrence, Plan,
    PlannedOutcome, Reason, Resolution, RetentionLimits, Route, SampleKind, SettledDelivery,
    Settlement, Storage, TrafficQuery, Week,
};
use lamplight_wire::event::Kind;

use crate::store::backend::Backend;
use crate::store::sample::{NOW, bad, client_id, good, good_with, number, plan_at, shared};

crate::laws!(
    names_and_traffic_are_counted_once_however_often_a_payload_is_applied,
    an_invalid_event_that_a_replay_accepts_is_no_longer_invalid,
    names_without_room_are_counted_together_and_only_in_their_source,
    pages_list_each_name_once_in_order,
    properties_of_hostile_events_take_little_room,
    values_go_with_their_week_and_counts_stay,
    errors_are_grouped_by_stage_code_and_source_or_sink,
    pages_list_each_group_of_errors_once_latest_first,
    traffic_has_a_number_for_each_period,
    what_was_counted_survives_a_restart,
);

const MINUTE_MS: i64 = 60_000;

fn all() -> CatalogueQuery {
    CatalogueQuery { limit: 500, ..CatalogueQuery::default() }
}

fn every_error() -> ErrorQuery {
    ErrorQuery { stage: None, source: None, sink: None, after: None, limit: 500 }
}

async fn names(storage: &Storage) -> Vec<CatalogueName> {
    storage.tallies.names(all()).await.unwrap().names
}

/// Source, name and count of each.
async fn counts(storage: &Storage) -> Vec<(String, String, i64)> {
    let names = names(storage).await;
    names.into_iter().map(|it| (it.source, it.name, it.counts.total())).collect()
}

fn counted(source: &str, name: &str, count: i64) -> (String, String, i64) {
    (source.to_owned(), name.to_owned(), count)
}

async fn sums(storage: &Storage, source: Option<&str>) -> [u64; 3] {
    let query = TrafficQuery {
        source: source.map(str::to_owned),
        resolution: Resolution::Day,
        from_ms: NOW - 7 * WEEK_MS,
        to_ms: NOW + 7 * WEEK_MS,
    };
    let counts = storage.tallies.traffic(query).await.unwrap().all;
    [counts.stored, counts.duplicates, counts.invalid].map(|it| it.iter().sum())
}

async fn apply(storage: &Storage, plan: Plan) {
    storage.events.apply(shared([plan]), NOW).await.unwrap();
}

async fn names_and_traffic_are_counted_once_however_often_a_payload_is_applied(
    Backend { storage, .. }: Backend,
) {
    let events = || {
        vec![
            (number(1, 1), good("a")),
            (number(1, 1), good("a")),
            (number(1, 2), good("b")),
            (number(1, 3), bad()),
            (EventIdentity::Anonymous, good("a")),
        ]
    };
    let (first, later) = (plan_at(NOW, 1, events()), plan_at(NOW + 61_000, 2, events()));
    storage.events.apply(shared([first.clone(), first.clone()]), NOW).await.unwrap();
    storage.events.apply(shared([later.clone(), first.clone()]), NOW).await.unwrap();
    storage.events.reapply(shared([first, later]), NOW).await.unwrap();
    assert_eq!(counts(&storage).await, [counted("web", "a", 3), counted("web", "b", 1)]);
    assert_eq!(sums(&storage, None).await, [4, 5, 1]);
    assert_eq!(sums(&storage, Some("app")).await, [0, 0, 0]);
    let a = names(&storage).await.remove(0).counts;
    assert_eq!((a.first_ms, a.last_ms), (NOW, NOW + 61_000));
    let minutes = a.buckets(Resolution::Minute, 0, i64::MAX);
    assert_eq!(minutes.iter().map(|it| it.count).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(minutes[0].begin_ms, Resolution::Minute.begin_ms(NOW));
}

async fn an_invalid_event_that_a_replay_accepts_is_no_longer_invalid(
    Backend { storage, .. }: Backend,
) {
    apply(&storage, plan_at(NOW, 1, vec![(number(1, 1), bad())])).await;
    assert_eq!(sums(&storage, None).await, [0, 0, 1]);
    let fixed = || plan_at(NOW, 1, vec![(number(1, 1), good("a"))]);
    for _ in 0..2 {
        storage.events.reapply(shared([fixed()]), NOW).await.unwrap();
        assert_eq!(sums(&storage, None).await, [1, 0, 0]);
        assert_eq!(counts(&storage).await, [counted("web", "a", 1)]);
    }
    let errors = storage.tallies.errors(every_error()).await.unwrap().groups;
    assert_eq!(errors[0].counts.total(), 1, "that it was refused happened");
}

async fn names_without_room_are_counted_together_and_only_in_their_source(
    Backend { storage, .. }: Backend,
) {
    let room = i64::try_from(NAMES_MAX).unwrap();
    for payload in 0..3 {
        // Of one producer, because each of several databases has room for as many.
        let named = |index: i64| {
            let at = payload * 1_000 + index;
            (number(1, at.unsigned_abs() + 1), good(&format!("random {at}")))
        };
        apply(
            &storage,
            plan_at(NOW, 1 + u128::from(payload.unsigned_abs()), (0..1_000).map(named).collect()),
        )
        .await;
    }
    let mut other = plan_at(NOW, 9, vec![(EventIdentity::Anonymous, good("of another"))]);
    other.source = "app".into();
    apply(&storage, other).await;
    let overflow = CatalogueQuery { source: Some("web".into()), limit: 1, ..all() };
    let page = storage.tallies.names(overflow).await.unwrap();
    assert_eq!((page.names[0].name.as_str(), page.names[0].counts.total()), ("", 3_000 - room));
    assert_eq!(counts(&storage).await[0], counted("app", "of another", 1));
    let mut listed = 0;
    let mut query = all();
    loop {
        let page = storage.tallies.names(query.clone()).await.unwrap();
        listed += page.names.len();
        let Some(next) = page.next else { break };
        query.after = Some(next);
    }
    assert_eq!(listed, NAMES_MAX + 2);
    assert_eq!(sums(&storage, Some("web")).await, [3_000, 0, 0]);
    // A name that has room is still counted apart.
    apply(&storage, plan_at(NOW, 10, vec![(number(1, 5_000), good("random 7"))])).await;
    let known = CatalogueQuery { name: Some("random 7".into()), ..all() };
    assert_eq!(storage.tallies.names(known).await.unwrap().names[0].counts.total(), 2);
    let unknown = storage.tallies.properties("web".into(), "random 2999".into()).await.unwrap();
    assert!(unknown.is_none(), "no tally of its own");
}

async fn pages_list_each_name_once_in_order(Backend { storage, .. }: Backend) {
    let hostile = "a\u{202e}\u{0}b";
    for (payload, source) in (1..).zip(["web", "app", "we"]) {
        let named = ["a", "ab", "b", hostile, "é"].map(|it| (EventIdentity::Anonymous, good(it)));
        let mut plan = plan_at(NOW, payload, named.into());
        plan.source = source.into();
        apply(&storage, plan).await;
    }
    let everything: Vec<_> =
        names(&storage).await.into_iter().map(|it| (it.source, it.name)).collect();
    assert_eq!(everything.len(), 15);
    assert!(everything.is_sorted());
    let queries = [
        all(),
        CatalogueQuery { source: Some("we".into()), ..all() },
        CatalogueQuery { prefix: Some("a".into()), ..all() },
        CatalogueQuery { prefix: Some("a".into()), source: Some("web".into()), ..all() },
        CatalogueQuery { name: Some("b".into()), ..all() },
        CatalogueQuery { name: Some(hostile.into()), source: Some("app".into()), ..all() },
        CatalogueQuery { name: Some("missing".into()), ..all() },
        CatalogueQuery { prefix: Some("b".into()), name: Some("a".into()), ..all() },
    ];
    for query in queries {
        let wanted: Vec<_> =
            everything.iter().filter(|(source, name)| query.wants(source, name)).cloned().collect();
        for limit in [1, 2, 500] {
            let (mut listed, mut query) = (Vec::new(), CatalogueQuery { limit, ..query.clone() });
            loop {
                let page = storage.tallies.names(query.clone()).await.unwrap();
                assert!(page.names.len() <= limit as usize);
                listed.extend(page.names.into_iter().map(|it| (it.source, it.name)));
                let Some(next) = page.next else { break };
                query.after = Some(next);
            }
            assert_eq!(listed, wanted, "{query:?}");
        }
    }
}

fn with(properties: &str) -> (EventIdentity, PlannedOutcome) {
    let event = good_with("a", |columns| columns.properties_json = Some(properties.to_owned()));
    (EventIdentity::Anonymous, event)
}

async fn properties_of_hostile_events_take_little_room(Backend { storage, .. }: Backend) {
    let key = "k\u{202e}".repeat(5_000);
    let many: Vec<String> = (0..2_000).map(|it| format!(r#""p{it}":"{it}""#)).collect();
    let texts = [
        r#"{"plan":"pro","n":1,"o":{"x":[1]}}"#.to_owned(),
        format!(r#"{{"{key}":1}}"#),
        format!("{{{}}}", many.join(",")),
        r#"{"\ud800":"\udc00","plan":null}"#.to_owned(),
        format!(r#"{{"plan":"{}"}}"#, "é".repeat(10_000)),
    ];
    // Of one producer, because each of several databases has room for as much.
    let events = (1..).zip(&texts).map(|(seq, it)| (number(1, seq), with(it).1));
    apply(&storage, plan_at(NOW, 1, events.collect())).await;
    let found = storage.tallies.properties("web".into(), "a".into()).await.unwrap().unwrap();
    assert_eq!((found.facts.sampled, found.name.counts.total()), (5, 5));
    assert!(found.facts.properties.len() <= PATHS_MAX && found.facts.left_out > 1_000);
    let plan = &found.facts.properties["plan"];
    assert_eq!(plan.types, [2, 0, 0, 1, 0, 0]);
    let lengths: Vec<usize> = plan.examples.iter().map(|(it, _)| it.chars().count()).collect();
    assert_eq!(lengths, [3, 64]);
    assert!(found.facts.properties.contains_key("o.x"));
    assert!(found.facts.properties.keys().all(|path| path.len() <= 200));
}

async fn values_go_with_their_week_and_counts_stay(Backend { storage, .. }: Backend) {
    for week in 0..3 {
        let events =
            vec![with(&format!(r#"{{"mail":"m{week}@example.com"}}"#)), (number(1, week), bad())];
        let received_ms = NOW + week.cast_signed() * WEEK_MS;
        apply(&storage, plan_at(received_ms, u128::from(week) + 1, events)).await;
    }
    let from_ms = Week::of_ms(NOW + 2 * WEEK_MS).from_ms();
    let keep = RetentionLimits {
        events_from_ms: Some(from_ms),
        events_bytes: None,
        ids_from_ms: from_ms,
        pending_from_ms: i64::MAX,
        now_ms: NOW + 3 * WEEK_MS,
    };
    while storage.events.prune(keep).await.unwrap().rows > 0 {}
    let found = storage.tallies.properties("web".into(), "a".into()).await.unwrap().unwrap();
    let mail = &found.facts.properties["mail"];
    let examples: Vec<&str> = mail.examples.iter().map(|(it, _)| it.as_str()).collect();
    assert_eq!(examples, ["m2@example.com"]);
    assert_eq!((mail.count(), found.name.counts.total()), (3, 3));
    assert_eq!(sums(&storage, None).await, [3, 0, 3]);
    // What comes next adds to what is left.
    apply(&storage, plan_at(NOW + 2 * WEEK_MS, 9, vec![with(r#"{"mail":"new"}"#)])).await;
    let found = storage.tallies.properties("web".into(), "a".into()).await.unwrap().unwrap();
    assert_eq!(found.facts.properties["mail"].examples.len(), 2);
}

fn occurrence(stage: ErrorStage, code: &'static str, owner: &str, at_ms: i64) -> Occurrence {
    Occurrence {
        stage,
        code,
        owner: owner.to_owned(),
        first_ms: at_ms,
        last_ms: at_ms + 5,
        count: 7,
        sample: ErrorSample::new(None, &"m".repeat(1_000)),
    }
}

async fn errors(storage: &Storage, query: ErrorQuery) -> Vec<ErrorGroup> {
    let ErrorPage { groups, next } = storage.tallies.errors(query).await.unwrap();
    assert_eq!(next, None);
    groups
}

async fn errors_are_grouped_by_stage_code_and_source_or_sink(backend: Backend) {
    let route = Route {
        sink: "archive".into(),
        kind: "file",
        types: vec![Kind::Default],
        only: Vec::new(),
        except: Vec::new(),
    };
    let backend = backend.reopened_with(vec![route]).await;
    let storage = &backend.storage;
    apply(storage, plan_at(NOW, 1, vec![(client_id("x"), good("a")), (number(1, 1), bad())])).await;
    let refused = occurrence(ErrorStage::Intake, "rate_limited", "web", NOW + MINUTE_MS);
    storage.tallies.record(vec![refused.clone(), refused]).await.unwrap();
    let ask = DeliveryAsk {
        sink: "archive".into(),
        token: LeaseToken(1),
        now_ms: NOW + 5 * MINUTE_MS,
        lease_ms: 1_000,
        events_max: 5,
        bytes_max: 1 << 20,
        order: DeliveryOrder::Shared,
    };
    let (lease, leased) = storage.delivery_queue.lease(ask).await.unwrap();
    let ending = DeliveryEnding::RetryAt(NOW + 10 * MINUTE_MS, Reason::new("timeout", "too slow"));
    let settlement = || Settlement {
        sink: "archive".into(),
        lease,
        deliveries: vec![SettledDelivery { ticket: leased[0].ticket, ending: ending.clone() }],
        condition: None,
        now_ms: NOW + 5 * MINUTE_MS,
    };
    storage.delivery_queue.settle(settlement()).await.unwrap();
    storage.delivery_queue.settle(settlement()).await.unwrap_err();
    let groups = errors(storage, every_error()).await;
    let shown: Vec<_> = groups
        .iter()
        .map(|it| (it.stage.name(), it.code.as_str(), it.owner.as_str(), it.counts.total()))
        .collect();
    let want = [
        ("delivery", "timeout", "archive", 1),
        ("intake", "rate_limited", "web", 14),
        ("event", "name_missing", "web", 1),
    ];
    assert_eq!(shown, want);
    let samples: Vec<_> = groups.iter().map(|it| it.sample.clone().unwrap()).collect();
    assert_eq!(samples[0].of.as_ref().unwrap().0, SampleKind::Delivery);
    assert_eq!((samples[1].of.as_ref(), samples[1].message.len()), (None, 300));
    assert_eq!(samples[2].of.as_ref().unwrap().0, SampleKind::Event);
    let only = |query| async { errors(storage, query).await.len() };
    assert_eq!(only(ErrorQuery { source: Some("web".into()), ..every_error() }).await, 2);
    assert_eq!(only(ErrorQuery { sink: Some("archive".into()), ..every_error() }).await, 1);
    assert_eq!(only(ErrorQuery { sink: Some("web".into()), ..every_error() }).await, 0);
    assert_eq!(only(ErrorQuery { stage: Some(ErrorStage::Event), ..every_error() }).await, 1);
}

async fn pages_list_each_group_of_errors_once_latest_first(Backend { storage, .. }: Backend) {
    let codes = ["a", "b", "c", "d", "e"];
    let of = |stage, owner: &'static str| {
        (0..).zip(codes).map(move |(at, code)| occurrence(stage, code, owner, NOW + at / 2))
    };
    let mut occurrences: Vec<_> = of(ErrorStage::Intake, "web").collect();
    occurrences.extend(of(ErrorStage::Process, "a-b"));
    storage.tallies.record(occurrences).await.unwrap();
    let everything = errors(&storage, every_error()).await;
    assert_eq!(everything.len(), 10);
    assert!(everything.is_sorted_by_key(|it| std::cmp::Reverse(it.counts.last_ms)));
    for limit in [1, 3] {
        let (mut listed, mut query) = (Vec::new(), ErrorQuery { limit, ..every_error() });
        loop {
            let page = storage.tallies.errors(query.clone()).await.unwrap();
            listed.extend(page.groups);
            let Some(next) = page.next else { break };
            query.after = Some(next);
        }
        assert_eq!(listed, everything);
    }
}

async fn traffic_has_a_number_for_each_period(Backend { storage, .. }: Backend) {
    let begin_ms = Resolution::Hour.begin_ms(NOW);
    for (number, minute) in (1..).zip([0, 0, 2, 61]) {
        let events = vec![(EventIdentity::Anonymous, good("a"))];
        apply(&storage, plan_at(begin_ms + minute * MINUTE_MS, number, events)).await;
    }
    let query =
        |resolution, from_ms, to_ms| TrafficQuery { source: None, resolution, from_ms, to_ms };
    let read = |query| async { storage.tallies.traffic(query).await.unwrap() };
    let minutes = read(query(Resolution::Minute, begin_ms + 1, begin_ms + 4 * MINUTE_MS)).await;
    assert_eq!((minutes.start_ms, minutes.step_ms), (begin_ms, MINUTE_MS));
    assert_eq!(minutes.all.stored, [2, 0, 1, 0]);
    assert_eq!((minutes.all.duplicates, minutes.all.invalid), (vec![0; 4], vec![0; 4]));
    let hours = read(query(Resolution::Hour, begin_ms, begin_ms + 61 * MINUTE_MS)).await;
    assert_eq!(hours.all.stored, [3, 1], "the period in which `to` is");
    assert_eq!(hours.sources.len(), 1);
    let none = read(query(Resolution::Hour, begin_ms, begin_ms)).await;
    assert_eq!(none.all.stored, [0; 0]);
}

async fn what_was_counted_survives_a_restart(backend: Backend) {
    let mut backend = backend;
    for round in 0..40_u128 {
        let received_ms = NOW + i64::try_from(round).unwrap() * 7 * MINUTE_MS;
        let named = (0..30).map(|it| {
            let name = format!("a long name of events, so that the log is soon full: {it}");
            (EventIdentity::Anonymous, good(&name))
        });
        apply(&backend.storage, plan_at(received_ms, round + 1, named.collect())).await;
        if round % 9 == 0 {
            let before = names(&backend.storage).await;
            backend = backend.reopened().await;
            assert_eq!(names(&backend.storage).await, before);
        }
    }
    let names = names(&backend.storage).await;
    assert!(names.len() == 30 && names.iter().all(|it| it.counts.total() == 40));
    assert_eq!(sums(&backend.storage, None).await, [1_200, 0, 0]);
}
