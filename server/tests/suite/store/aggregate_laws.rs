//! The laws of counting events by a key.

use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    Aggregate, AggregateQuery, COUNTS_MAX, Calendar, CanonicalJson, EventClock, EventFilter,
    EventIdentity, EventQuery, Grouping, PlannedOutcome, PropertyCondition, PropertyPath, Storage,
};
use lamplight_wire::event::Kind;

use crate::store::backend::Backend;
use crate::store::sample::{NOW, good, good_with, number, plan, plan_at, producer, shared};

crate::laws!(
    events_are_counted_by_name_and_by_type,
    events_are_counted_by_the_day_and_the_hour_they_were_received,
    events_are_counted_and_listed_by_when_they_happened_in_a_time_zone,
    events_are_counted_by_a_property_of_each_type,
    counting_obeys_every_part_of_the_filter,
    the_largest_counts_come_first_and_the_rest_is_added_up,
);

/// Everything that was received within three weeks from `NOW`.
fn everything() -> EventFilter {
    EventFilter { from_ms: Some(NOW), to_ms: Some(NOW + 3 * WEEK_MS), ..EventFilter::default() }
}

async fn count(storage: &Storage, filter: EventFilter, by: Grouping) -> Aggregate {
    storage
        .reader
        .aggregate(AggregateQuery {
            filter,
            by,
            calendar: Calendar::default(),
            counts_max: COUNTS_MAX,
        })
        .await
        .unwrap()
}

async fn counts(
    storage: &Storage,
    filter: EventFilter,
    by: Grouping,
) -> Vec<(Option<CanonicalJson>, u64)> {
    let aggregate = count(storage, filter, by).await;
    assert_eq!((aggregate.other, aggregate.from_ms), (0, None));
    aggregate.rows
}

/// Counts of texts.
fn pairs(want: &[(&str, u64)]) -> Vec<(Option<CanonicalJson>, u64)> {
    want.iter().map(|(key, count)| (Some(CanonicalJson::string(key)), *count)).collect()
}

fn anonymous(outcome: PlannedOutcome) -> (EventIdentity, PlannedOutcome) {
    (EventIdentity::Anonymous, outcome)
}

async fn events_are_counted_by_name_and_by_type(Backend { storage, .. }: Backend) {
    let critical = good_with("b", |it| it.kind = Kind::Critical);
    let events =
        vec![anonymous(good("b")), anonymous(good("a")), anonymous(critical), anonymous(good("c"))];
    storage.events.apply(shared([plan(1, events)]), NOW).await.unwrap();
    let by_name = counts(&storage, everything(), Grouping::Name).await;
    assert_eq!(by_name, pairs(&[("b", 2), ("a", 1), ("c", 1)]), "equal counts by key");
    let by_kind = counts(&storage, everything(), Grouping::Kind).await;
    assert_eq!(by_kind, pairs(&[("default", 3), ("critical", 1)]));
}

async fn events_are_counted_by_the_day_and_the_hour_they_were_received(
    Backend { storage, .. }: Backend,
) {
    // NOW is 2023-11-14T22:13:20Z.
    const HOUR_MS: i64 = 60 * 60 * 1000;
    for (number, hours) in [(1, 0), (2, 1), (3, 1), (4, 2)] {
        let plan = plan_at(NOW + hours * HOUR_MS, number, vec![anonymous(good("a"))]);
        storage.events.apply(shared([plan]), NOW).await.unwrap();
    }
    let by_day = counts(&storage, everything(), Grouping::Day).await;
    assert_eq!(by_day, pairs(&[("2023-11-14", 3), ("2023-11-15", 1)]));
    let by_hour = counts(&storage, everything(), Grouping::Hour).await;
    let want =
        [("2023-11-14T23:00:00Z", 2), ("2023-11-14T22:00:00Z", 1), ("2023-11-15T00:00:00Z", 1)];
    assert_eq!(by_hour, pairs(&want));
}

async fn events_are_counted_and_listed_by_when_they_happened_in_a_time_zone(
    Backend { storage, .. }: Backend,
) {
    // NOW is 2023-11-14T22:13:20Z, and one hour later than that in Zurich.
    const HOUR_MS: i64 = 60 * 60 * 1000;
    let ago = |name: &str, hours: i64| {
        anonymous(good_with(name, |it| it.time_ms = NOW - hours * HOUR_MS))
    };
    let events = vec![ago("a", 0), ago("b", 23), ago("c", 24), ago("d", 47)];
    storage.events.apply(shared([plan(1, events)]), NOW).await.unwrap();
    let zone = jiff::tz::TimeZone::get("Europe/Zurich").unwrap();
    let calendar = Calendar { clock: EventClock::Happened, zone };
    let count = async |filter: EventFilter, by| {
        let query =
            AggregateQuery { filter, by, calendar: calendar.clone(), counts_max: COUNTS_MAX };
        let rows = storage.reader.aggregate(query).await.unwrap().rows.into_iter();
        rows.collect::<Vec<_>>()
    };
    let by_day = count(everything(), Grouping::Day).await;
    assert_eq!(by_day, pairs(&[("2023-11-13", 2), ("2023-11-14", 2)]));
    let filter = EventFilter {
        happened_from_ms: Some(NOW - 24 * HOUR_MS),
        happened_to_ms: Some(NOW),
        ..everything()
    };
    let by_hour = count(filter.clone(), Grouping::Hour).await;
    let want = [("2023-11-13T23:00:00+01:00", 1), ("2023-11-14T00:00:00+01:00", 1)];
    assert_eq!(by_hour, pairs(&want), "the end is not in the span");
    let query = EventQuery { filter, after: None, limit: 10 };
    let listed = storage.reader.events(query).await.unwrap().events;
    assert_eq!(listed.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["c", "b"]);
}

fn sorted(mut counts: Vec<(Option<CanonicalJson>, u64)>) -> Vec<(Option<CanonicalJson>, u64)> {
    counts.sort();
    counts
}

async fn events_are_counted_by_a_property_of_each_type(Backend { storage, .. }: Backend) {
    let with =
        |json: &str| anonymous(good_with("a", |it| it.properties_json = Some(json.to_owned())));
    let events = vec![
        with(r#"{"plan":{"name":"paid"}}"#),
        with(r#"{"plan":{"name":"p\u0061id"}}"#),
        with(r#"{"plan":{"name":7}}"#),
        with(r#"{"plan":{"name":7.0}}"#),
        with(r#"{"plan":{"name":70E-1}}"#),
        with(r#"{"plan":{"name":true},"list":[1,2]}"#),
        with(r#"{"plan":{"name":"true"}}"#),
        with(r#"{"plan":{"name":null}}"#),
        with(r#"{"plan":{"name":1,"name":null}}"#),
        with(r#"{"plan":{"name":["x"]}}"#),
        with(r#"{"plan":"paid"}"#),
        anonymous(good("a")),
    ];
    storage.events.apply(shared([plan(1, events)]), NOW).await.unwrap();
    let by = |keys: [&str; 2]| Grouping::Property(PropertyPath::from_iter(keys));
    let json = |json: &str| Some(CanonicalJson::of(json));
    let counted = counts(&storage, everything(), by(["plan", "name"])).await;
    let want = [
        (None, 4),
        (json("\"paid\""), 2),
        (json("\"true\""), 1),
        (json("7"), 3),
        (json(r#"["x"]"#), 1),
        (json("true"), 1),
    ];
    assert_eq!(sorted(counted), sorted(want.to_vec()), "each type is a key of its own");
    let first = counts(&storage, everything(), by(["list", "0"])).await;
    assert_eq!(sorted(first), sorted(vec![(None, 11), (json("1"), 1)]));
}

async fn counting_obeys_every_part_of_the_filter(Backend { storage, .. }: Backend) {
    let events = vec![
        (number(1, 1), good_with("a", |it| it.user_id = Some("ann".into()))),
        (number(1, 2), good_with("b", |it| it.properties_json = Some(r#"{"n":1}"#.into()))),
        (number(2, 1), good_with("c", |it| it.kind = Kind::Monitor)),
    ];
    let mut elsewhere = plan_at(NOW + WEEK_MS, 2, vec![anonymous(good("d"))]);
    elsewhere.source = "backend".into();
    let plans = shared([plan_at(NOW, 1, events), elsewhere]);
    storage.events.apply(plans, NOW).await.unwrap();
    let all = everything;
    let path = PropertyPath::from_iter(["n"]);
    let properties = vec![PropertyCondition { path, value: CanonicalJson::written("1") }];
    for (filter, want) in [
        (EventFilter { name: Some("a".into()), ..all() }, vec!["a"]),
        (EventFilter { user: Some("ann".into()), ..all() }, vec!["a"]),
        (EventFilter { properties, ..all() }, vec!["b"]),
        (EventFilter { kind: Some(Kind::Monitor), ..all() }, vec!["c"]),
        (EventFilter { source: Some("backend".into()), ..all() }, vec!["d"]),
        (EventFilter { producer: Some(producer(1)), ..all() }, vec!["a", "b"]),
        (EventFilter { from_ms: Some(NOW + 1), ..all() }, vec!["d"]),
        (EventFilter { to_ms: Some(NOW + 1), ..all() }, vec!["a", "b", "c"]),
    ] {
        let counted = counts(&storage, filter.clone(), Grouping::Name).await;
        let want: Vec<_> = want.into_iter().map(|name| (name, 1)).collect();
        assert_eq!(counted, pairs(&want), "{filter:?}");
    }
}

async fn the_largest_counts_come_first_and_the_rest_is_added_up(Backend { storage, .. }: Backend) {
    let mut events: Vec<_> = (0..1_100).map(|at| anonymous(good(&format!("e{at:04}")))).collect();
    events.push(anonymous(good("e1099")));
    storage.events.apply(shared([plan(1, events)]), NOW).await.unwrap();
    let Aggregate { rows, other, .. } = count(&storage, everything(), Grouping::Name).await;
    assert_eq!((rows.len(), other), (1_000, 100));
    assert_eq!(rows[..2], pairs(&[("e1099", 2), ("e0000", 1)]));
}
