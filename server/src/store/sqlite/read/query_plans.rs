//! The query plan of every read of events that the API offers: none reads more than a bounded part
//! of a table, and none sorts.

use lamplight_wire::Producer;
use lamplight_wire::event::Kind;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use uuid::Uuid;

use super::{aggregate, events, live, refused};
use crate::store::Outcome;
use crate::store::sqlite::weeks::{profile_versions, runs};
use crate::store::{
    AggregateQuery, COUNTS_MAX, Calendar, CanonicalJson, EventClock, EventFilter, EventQuery,
    Grouping, Position, PropertyCondition, PropertyPath, RefusedQuery, RowId,
};

const WEEK: [&str; 4] = [
    include_str!("../../../../migrations/sqlite/week/V1__events.sql"),
    include_str!("../../../../migrations/sqlite/week/V2__runs.sql"),
    include_str!("../../../../migrations/sqlite/week/V3__profile_versions.sql"),
    include_str!("../../../../migrations/sqlite/week/V4__scopes.sql"),
];
const STORE: [&str; 4] = [
    include_str!("../../../../migrations/sqlite/store/V1__events.sql"),
    include_str!("../../../../migrations/sqlite/store/V4__recent.sql"),
    include_str!("../../../../migrations/sqlite/store/V6__words_and_refusals.sql"),
    include_str!("../../../../migrations/sqlite/store/V9__sources.sql"),
];

/// The rows of a run, or of a payload.
const SPAN: (RowId, RowId) = (RowId(Uuid::from_u128(1)), RowId(Uuid::from_u128(2)));

/// Fails unless every step of the plan searches an index.
fn check(connection: &Connection, (sql, values): (String, Vec<Value>)) {
    let steps = plan(connection, (&sql, values));
    assert!(is_bounded(&steps), "{sql}\n{steps:#?}");
}

fn is_bounded(steps: &[String]) -> bool {
    // A subquery is judged by its own steps.
    let is_bounded =
        |step: &String| step.starts_with("SEARCH") || step.starts_with("SCALAR SUBQUERY");
    !steps.is_empty() && steps.iter().all(is_bounded)
}

fn plan(connection: &Connection, (sql, values): (&str, Vec<Value>)) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let steps = statement.query_map(params_from_iter(values), |row| row.get(3)).unwrap();
    steps.collect::<Result<_, _>>().unwrap()
}

fn property(value: &str) -> PropertyCondition {
    PropertyCondition { path: PropertyPath::from_iter(["a"]), value: CanonicalJson::written(value) }
}

/// Every combination of the parts that a filter can have.
fn filters() -> impl Iterator<Item = EventFilter> {
    (0..512_u32).map(|bits| {
        let has = |bit: u32| bits >> bit & 1 == 1;
        let text = |bit: u32| has(bit).then(|| "x".to_owned());
        EventFilter {
            name: text(0),
            kind: has(1).then_some(if has(7) { Kind::Default } else { Kind::Critical }),
            source: text(2),
            user: text(3),
            producer: has(4).then(|| Producer::from_bits(1)),
            from_ms: has(5).then_some(1),
            to_ms: has(6).then_some(2),
            happened_from_ms: has(8).then_some(1),
            happened_to_ms: has(8).then_some(2),
            properties: text(7).map(|value| property(&value)).into_iter().collect(),
        }
    })
}

#[test]
fn every_list_of_events_searches_an_index_in_its_order() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(&WEEK.concat()).unwrap();
    for filter in filters() {
        if filter.producer.is_some() {
            check(&connection, events::in_span(&filter, SPAN));
            continue;
        }
        for after in [None, Some(Position::Row(SPAN.0))] {
            let query = EventQuery { filter: filter.clone(), after, limit: 10 };
            check(&connection, events::statement(&query));
        }
    }
}

#[test]
fn every_look_at_runs_searches_their_key() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(&WEEK.concat()).unwrap();
    for sql in [runs::UP_TO, runs::BEFORE, runs::IN_SPAN, runs::DELETE] {
        let values: Vec<Value> = (1..=sql.matches('?').count()).map(|_| Value::Null).collect();
        check(&connection, (sql.to_owned(), values));
    }
}

#[test]
fn numbered_events_of_several_weeks_are_found_by_producer() {
    let dir = tempfile::tempdir().unwrap();
    let connection = Connection::open_in_memory().unwrap();
    let weeks = ["week0", "week1", "week2"];
    for week in weeks {
        let path = dir.path().join(week);
        Connection::open(&path).unwrap().execute_batch(&WEEK.concat()).unwrap();
        connection.execute(&format!("ATTACH ?1 AS {week}"), [path.to_str()]).unwrap();
    }
    profile_versions::add_function(&connection).unwrap();
    let all = weeks.map(super::user_sql::numbered).join(" UNION ALL ");
    connection.execute_batch(&format!("CREATE TEMP VIEW numbered AS {all}")).unwrap();
    let sql =
        "SELECT name, properties FROM numbered WHERE producer = x'01' AND seq < 9 AND name = 'a'";
    let steps = plan(&connection, (sql, Vec::new()));
    assert!(!steps.iter().any(|step| step.contains("SCAN")), "{steps:#?}");
    assert_eq!(steps.iter().filter(|step| step.contains("SEARCH")).count(), 6, "{steps:#?}");
}

#[test]
fn every_look_at_versions_of_profiles_searches_their_key() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(&WEEK.concat()).unwrap();
    for (sql, values) in [
        (profile_versions::TEXTS, vec!["k".to_owned().into(), 2.into()]),
        (profile_versions::NEWEST, vec!["k".to_owned().into()]),
    ] {
        check(&connection, (sql.to_owned(), values));
    }
    profile_versions::add_function(&connection).unwrap();
    let profile = profile_versions::column("main", "event");
    let sql = format!("SELECT {profile} FROM events AS event WHERE id = x'00'");
    let steps = plan(&connection, (&sql, Vec::new()));
    assert!(!steps.iter().any(|step| step.contains("SCAN")), "{steps:#?}");
}

#[test]
fn every_count_of_events_searches_an_index() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(&WEEK.concat()).unwrap();
    for filter in filters() {
        let property = Grouping::Property(PropertyPath::from_iter(["a", "b"]));
        for by in [Grouping::Name, Grouping::Kind, Grouping::Day, Grouping::Hour, property] {
            let clock = match filter.happened_from_ms {
                Some(_) => EventClock::Happened,
                None => EventClock::Received,
            };
            let calendar = Calendar { clock, ..Calendar::default() };
            let query =
                AggregateQuery { filter: filter.clone(), by, calendar, counts_max: COUNTS_MAX };
            check(
                &connection,
                match query.filter.producer {
                    Some(_) => aggregate::in_span(&query, SPAN),
                    None => aggregate::statement(&query),
                },
            );
        }
    }
}

#[test]
fn every_part_of_the_live_view_searches_an_index() {
    let week = Connection::open_in_memory().unwrap();
    week.execute_batch(&WEEK.concat()).unwrap();
    for filter in filters() {
        check(&week, events::in_span(&filter, SPAN));
    }
    let store = Connection::open_in_memory().unwrap();
    store.execute_batch(&STORE.concat()).unwrap();
    check(&store, (live::PAYLOADS.to_owned(), vec![1.into(), 2.into()]));
    check(&store, (live::FORGET.to_owned(), vec![1.into()]));
}

#[test]
fn every_list_of_refused_arrivals_searches_an_index_in_its_order() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(&STORE.concat()).unwrap();
    for bits in 0..32_u32 {
        let has = |bit: u32| bits >> bit & 1 == 1;
        let query = RefusedQuery {
            outcome: Outcome::Invalid,
            source: has(0).then(|| "x".to_owned()),
            producer: has(1).then(|| Producer::from_bits(1)),
            from_ms: has(2).then_some(1),
            to_ms: has(3).then_some(2),
            after: has(4).then(|| RowId(Uuid::from_u128(5))),
            limit: 10,
        };
        check(&connection, refused::statement(&query));
    }
}

#[test]
fn a_scan_and_a_sort_are_seen() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(&WEEK.concat()).unwrap();
    for sql in [
        "SELECT * FROM events WHERE session = 'x'",
        "SELECT * FROM events WHERE id > x'00' ORDER BY session",
        "SELECT count(*) FROM events",
    ] {
        assert!(!is_bounded(&plan(&connection, (sql, Vec::new()))), "{sql}");
    }
}
