//! The same input in one database, and in two of which one stops in between: everything that can be
//! read is the same.

use std::sync::Arc;
use std::time::Duration;

use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    AggregateQuery, COUNTS_MAX, Calendar, CatalogueQuery, ErrorQuery, EventFilter, EventIdentity,
    EventQuery, EventRef, Grouping, Outcome, Plan, PlannedOutcome, ProducerQuery, PropertyPath,
    RefusedQuery, Resolution, Route, Storage, StoreError, TrafficQuery,
};
use lamplight_wire::event::Kind;

use super::instance::Instance;
use crate::harness::now;
use crate::harness::postgres::TestDatabase;
use crate::store::backend::{open_postgres, shards};
use crate::store::sample::{
    NOW, bad, client_id, declaring, good_with, number, plan_at, producer, shared,
};

const PAYLOADS: u128 = 70;
/// After this long, a database that was started again takes writes.
const BACK_MAX: Duration = Duration::from_secs(20);

/// Numbers that are spread, the same in every run.
struct Spread(u64);

impl Spread {
    fn below(&mut self, max: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % max
    }
}

/// One of some producers.
fn page(spread: &mut Spread) -> u128 {
    (u128::from(spread.below(9)) << 64) + 77
}

/// An event of one of some producers, ids or of none. Many arrive more than once.
fn event(spread: &mut Spread) -> (EventIdentity, PlannedOutcome) {
    let identity = match spread.below(10) {
        0..=5 => number(page(spread), 1 + spread.below(40)),
        6..=8 => client_id(&format!("id{}", spread.below(25))),
        _ => EventIdentity::Anonymous,
    };
    if spread.below(8) == 0 {
        return (identity, bad());
    }
    let (name, value) = (format!("name{}", spread.below(6)), spread.below(5));
    let outcome = good_with(&name, |columns| {
        columns.user_id = Some(format!("u{}", value % 3));
        columns.properties_json = Some(format!(r#"{{"value":{value}}}"#));
    });
    (identity, outcome)
}

pub(crate) fn plans() -> Vec<Arc<Plan>> {
    let mut spread = Spread(7);
    let plans = (1..=PAYLOADS).map(|at| {
        let events = (0..=spread.below(11)).map(|_| event(&mut spread)).collect();
        let week = i64::from(at > PAYLOADS / 2) * WEEK_MS;
        let mut plan = plan_at(NOW + week + i64::try_from(at).unwrap(), at, events);
        plan.is_secret = spread.below(3) == 0;
        plan.source = format!("s{}", spread.below(2));
        if spread.below(3) == 0 {
            let of = producer(page(&mut spread));
            plan = declaring(plan, of, 45, &[("quota", (42, 43))]);
        }
        plan
    });
    shared(plans)
}

/// Everything that can be read, as text.
pub(crate) async fn told(storage: &Storage, plans: &[Arc<Plan>]) -> Vec<String> {
    let (reader, tallies) = (&storage.reader, &storage.tallies);
    let now_ms = NOW + 2 * WEEK_MS;
    let mut told = vec![
        format!("{:?}", reader.totals(now_ms).await.unwrap()),
        format!("{:?}", reader.sources().await.unwrap()),
        format!("{:?}", storage.delivery_queue.sinks().await.unwrap()),
    ];
    for limit in [7, 1_000] {
        told.extend(lists(storage, limit, now_ms).await);
    }
    told.extend(counts(storage, now_ms).await);
    told.extend(traces(storage, plans).await);
    let names = CatalogueQuery { limit: 100, ..CatalogueQuery::default() };
    told.push(format!("{:?}", tallies.names(names).await.unwrap()));
    for resolution in Resolution::ALL {
        let (from_ms, to_ms) = (NOW, NOW + WEEK_MS / 7);
        let query = TrafficQuery { source: None, resolution, from_ms, to_ms };
        told.push(format!("{:?}", tallies.traffic(query).await.unwrap()));
    }
    let errors = ErrorQuery { stage: None, source: None, sink: None, after: None, limit: 100 };
    for group in tallies.errors(errors).await.unwrap().groups {
        told.push(format!("{:?} {} {} {:?}", group.stage, group.owner, group.code, group.counts));
    }
    told
}

/// Everything in lists, in pages of this length.
async fn lists(storage: &Storage, limit: u32, now_ms: i64) -> Vec<String> {
    let (reader, mut told) = (&storage.reader, Vec::new());
    let mut query = EventQuery { filter: EventFilter::default(), after: None, limit };
    loop {
        let page = reader.events(query.clone()).await.unwrap();
        told.extend(page.events.iter().map(|event| format!("{event:?}")));
        query.after = page.next;
        if page.next.is_none() {
            break;
        }
    }
    for outcome in [Outcome::Duplicate, Outcome::Invalid] {
        let (source, after) = (None, None);
        let mut query = RefusedQuery {
            outcome,
            source,
            producer: None,
            from_ms: None,
            to_ms: None,
            after,
            limit,
        };
        loop {
            let page = reader.refused(query.clone()).await.unwrap();
            told.extend(page.events.iter().map(|event| format!("{event:?}")));
            query.after = page.next;
            if page.next.is_none() {
                break;
            }
        }
    }
    let mut query = ProducerQuery {
        verdict: None,
        source: None,
        producer: None,
        after_number: 0,
        after: None,
        limit,
        now_ms,
    };
    loop {
        let page = reader.producers(query.clone()).await.unwrap();
        told.extend(page.producers.iter().map(|row| format!("{row:?}")));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    told
}

/// Every way of counting events.
async fn counts(storage: &Storage, now_ms: i64) -> Vec<String> {
    let (reader, mut told) = (&storage.reader, Vec::new());
    for by in [
        Grouping::Name,
        Grouping::Kind,
        Grouping::Day,
        Grouping::Hour,
        Grouping::Property(PropertyPath::from_iter(["value"])),
    ] {
        let filter =
            EventFilter { from_ms: Some(NOW), to_ms: Some(now_ms), ..EventFilter::default() };
        for counts_max in [2, COUNTS_MAX] {
            let (filter, by) = (filter.clone(), by.clone());
            let query = AggregateQuery { filter, by, calendar: Calendar::default(), counts_max };
            told.push(format!("{:?}", reader.aggregate(query).await.unwrap()));
        }
    }
    told
}

/// All that is known about each event.
async fn traces(storage: &Storage, plans: &[Arc<Plan>]) -> Vec<String> {
    let (reader, mut told) = (&storage.reader, Vec::new());
    for plan in plans {
        for event in &plan.events {
            let id = match &event.identity {
                EventIdentity::Numbered(producer, seq) => EventRef::Number(*producer, *seq),
                EventIdentity::ClientId(id) => {
                    EventRef::ClientIdOf(plan.source.clone(), id.clone())
                }
                EventIdentity::Anonymous => EventRef::Row(event.id),
            };
            told.push(format!("{:?}", reader.event(id).await.unwrap()));
            let steps = storage.delivery_queue.steps(event.id).await.unwrap();
            told.push(format!("{steps:?}"));
        }
    }
    told
}

/// Applies plans until all are, and gives how many failed at first.
async fn apply_all(storage: &Storage, plans: &[Arc<Plan>], back: impl FnOnce()) -> usize {
    let results = storage.events.apply_each(plans.to_vec(), NOW).await.unwrap();
    let failed = plans.iter().zip(&results).filter(|(_, result)| result.failure.is_some());
    let rest: Vec<_> = failed.map(|(plan, _)| Arc::clone(plan)).collect();
    for failure in results.iter().filter_map(|result| result.failure.as_ref()) {
        assert!(matches!(failure, StoreError::Down { .. }), "{failure:?}");
    }
    if rest.is_empty() {
        return 0;
    }
    back();
    let begun = now();
    loop {
        let again = storage.events.apply_each(rest.clone(), NOW).await.unwrap();
        if again.iter().all(|result| result.failure.is_none()) {
            return rest.len();
        }
        assert!(begun.elapsed() < BACK_MAX, "{again:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn two_databases_of_which_one_stops_tell_the_same_as_one() {
    let (database, first) = (TestDatabase::create().await, TestDatabase::create().await);
    let mut second = Instance::start("");
    let (types, only, except) = (vec![Kind::Default], Vec::new(), Vec::new());
    let route = || Route {
        sink: "a".into(),
        kind: "file",
        types: types.clone(),
        only: only.clone(),
        except: except.clone(),
    };
    let one = open_postgres(&database.url, vec![route()]).await;
    let two = shards([
        open_postgres(&first.url, vec![route()]).await,
        open_postgres(&second.url("lamp"), vec![route()]).await,
    ]);
    let plans = plans();
    let mut delayed = 0;
    for (at, some) in plans.chunks(10).enumerate() {
        assert_eq!(apply_all(&one, some, || {}).await, 0);
        if at == 3 {
            second.stop("immediate");
        }
        let part = apply_all(&two, some, || second.up()).await;
        assert!((at == 3) == (part > 0), "{part} of chunk {at} wait for the database that is down");
        delayed += part;
    }
    assert!(delayed > 0);
    for storage in [&one, &two] {
        let again = storage.events.apply(plans.clone(), NOW).await.unwrap();
        assert!(again.iter().all(|it| it.already), "{again:?}");
    }
    let (want, got) = (told(&one, &plans).await, told(&two, &plans).await);
    for (want, got) in want.iter().zip(&got) {
        assert_eq!(want, got);
    }
    assert_eq!(want.len(), got.len());
    for storage in [one, two] {
        storage.close().await.unwrap();
    }
}
