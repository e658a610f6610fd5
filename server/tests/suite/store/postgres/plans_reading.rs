//! The plans of every statement that reads events, producers, refused arrivals and the live view,
//! as PostgreSQL ran them, with values known to the planner and without.

use std::collections::BTreeSet;

use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    AggregateQuery, COUNTS_MAX, Calendar, Completeness, EventFilter, EventQuery, EventRef,
    Grouping, LivePlace, Opening, Outcome, Plan, ProducerQuery, RefusedQuery, Storage,
    WriterLimits, postgres,
};
use lamplight_server::system::supervisor::Supervisor;
use lamplight_wire::event::Kind;
use serde_json::Value;

use crate::harness::postgres::Cluster;
use crate::store::sample::{NOW, bad, client_id, good_with, number, plan_at, producer, shared};

/// Every statement is written to the log with its plan, and with what it read.
pub(super) const RECORDING: &str = "-c fsync=off -c full_page_writes=off -c max_connections=60 -c log_line_prefix= \
     -c autovacuum=off -c session_preload_libraries=auto_explain -c auto_explain.log_min_duration=0 \
     -c auto_explain.log_analyze=on -c auto_explain.log_buffers=on -c auto_explain.log_timing=off \
     -c auto_explain.log_format=json";
/// Tables that do not grow with events.
const SMALL: [&str; 4] = ["weeks", "totals", "sources", "live_mark"];
const WEEKS: i64 = 4;

/// What the plans of some calls did.
#[derive(Debug, Default)]
pub(super) struct Done {
    scanned: BTreeSet<String>,
    partitions: BTreeSet<String>,
    pages: u64,
    /// Rows and pairs of rows that were compared in vain.
    pub(super) removed: f64,
}

impl Done {
    fn add(&mut self, node: &Value) {
        let is_done = node["Actual Loops"].as_f64().unwrap() > 0.0;
        if let (Some(relation), true) = (node["Relation Name"].as_str(), is_done) {
            if node["Node Type"] == "Seq Scan" && !SMALL.contains(&relation) {
                self.scanned.insert(relation.to_owned());
            }
            if relation.starts_with("events_2") {
                self.partitions.insert(relation.to_owned());
            }
        }
        let loops = node["Actual Loops"].as_f64().unwrap();
        for by in ["Join Filter", "Filter", "Index Recheck"] {
            let each = node[format!("Rows Removed by {by}")].as_f64().unwrap_or_default();
            self.removed += each * loops;
        }
        for node in node["Plans"].as_array().into_iter().flatten() {
            self.add(node);
        }
    }
}

/// What the statements since a place in the log did, and the end of the log.
pub(super) fn done_since(cluster: &Cluster, read: &mut usize) -> Done {
    let log = std::fs::read(cluster.folder().join("postgres.log")).unwrap();
    let text = String::from_utf8_lossy(&log[*read..]).into_owned();
    *read = log.len();
    let (mut done, mut lines) = (Done::default(), text.lines().peekable());
    while let Some(line) = lines.next() {
        if !line.trim_end().ends_with("plan:") {
            continue;
        }
        let mut json = String::new();
        while let Some(line) = lines.next_if(|line| line.starts_with('\t')) {
            json.push_str(line);
        }
        let plan: Value = serde_json::from_str(&json).unwrap();
        done.add(&plan["Plan"]);
        let count = |name: &str| plan["Plan"][name].as_u64().unwrap();
        done.pages = done.pages.max(count("Shared Hit Blocks") + count("Shared Read Blocks"));
    }
    done
}

/// 1,000 payloads a week, each of a producer and user of its own.
fn payloads(week: i64) -> Vec<Plan> {
    (0..1_000)
        .map(|at| {
            let id = u128::try_from(week * 10_000 + at + 1).unwrap();
            let event = |name: &str| {
                good_with(name, |columns| {
                    columns.user_id = Some(format!("user {}", at % 100));
                    columns.kind = if at % 50 == 0 { Kind::Critical } else { Kind::Default };
                })
            };
            let events = vec![
                (number(id, 1), event("often")),
                (number(id, 2), event(if at % 100 == 0 { "seldom" } else { "often" })),
                (number(id, 4), bad()),
                (client_id(&format!("id {id}")), event("named")),
            ];
            plan_at(NOW + week * WEEK_MS + at, id, events)
        })
        .collect()
}

pub(super) async fn open(cluster: &Cluster, database: &str) -> Storage {
    let (limits, opening) = (WriterLimits::default(), Opening::Serve(Vec::new()));
    let url = crate::harness::postgres::urls(&cluster.url(database));
    postgres::open_as(&url, limits, opening, &Supervisor::default()).await.unwrap()
}

#[tokio::test]
async fn every_read_goes_along_an_index_in_the_weeks_that_it_needs() {
    let cluster = Cluster::start(RECORDING);
    let admin = cluster.client("postgres").await;
    admin.batch_execute("CREATE DATABASE plans").await.unwrap();
    let storage = open(&cluster, "plans").await;
    for week in 0..WEEKS {
        for some in payloads(week).chunks(100) {
            storage.events.apply(shared(some.to_vec()), NOW).await.unwrap();
        }
    }
    storage.close().await.unwrap();
    let client = cluster.client("plans").await;
    for (analyze, plans) in [("", "auto"), ("ANALYZE", "auto"), ("", "force_generic_plan")] {
        client.batch_execute(analyze).await.unwrap();
        admin
            .batch_execute(&format!("ALTER DATABASE plans SET plan_cache_mode = {plans}"))
            .await
            .unwrap();
        let storage = open(&cluster, "plans").await;
        every_read(&cluster, &storage, plans).await;
        storage.close().await.unwrap();
    }
}

#[expect(clippy::too_many_lines, reason = "it is a list of reads")]
async fn every_read(cluster: &Cluster, storage: &Storage, plans: &str) {
    let mut read = 0;
    done_since(cluster, &mut read);
    let reader = &storage.reader;
    let mut check = |call: &str, pages_max: u64, weeks_max: usize| {
        let done = done_since(cluster, &mut read);
        println!("{plans}: {call}: {done:?}");
        assert!(done.scanned.is_empty(), "{plans}: {call} scans {:?}", done.scanned);
        assert!(done.partitions.len() <= weeks_max, "{plans}: {call} reads {:?}", done.partitions);
        assert!(done.pages <= pages_max, "{plans}: {call} takes {} pages", done.pages);
    };
    let all = EventFilter::default;
    let seldom = || Some("seldom".to_owned());
    let user = || Some("user 7".to_owned());
    for (call, filter, limit, weeks) in [
        ("newest", all(), 50, 1),
        ("a source", EventFilter { source: Some("web".into()), ..all() }, 50, 1),
        ("a name", EventFilter { name: seldom(), ..all() }, 5, 1),
        ("a name in all weeks", EventFilter { name: seldom(), ..all() }, 50, 4),
        ("a user", EventFilter { user: user(), ..all() }, 5, 1),
        ("a user and a name", EventFilter { user: user(), name: seldom(), ..all() }, 50, 4),
        ("a type", EventFilter { kind: Some(Kind::Critical), ..all() }, 5, 1),
        ("a producer", EventFilter { producer: Some(producer(20_005)), ..all() }, 50, 1),
        ("a time", EventFilter { to_ms: Some(NOW + WEEK_MS), ..all() }, 50, 2),
    ] {
        let query = EventQuery { filter, after: None, limit };
        let page = reader.events(query.clone()).await.unwrap();
        assert!(!page.events.is_empty() || call.contains("and a name"), "{call}");
        check(call, 450, weeks);
        let after = page.next;
        reader.events(EventQuery { after, ..query }).await.unwrap();
        check(&format!("{call}, further"), 450, weeks.max(2));
    }
    let first = reader.events(EventQuery { filter: all(), after: None, limit: 1 }).await.unwrap();
    check("first", 450, 1);
    reader.event(EventRef::Row(first.events[0].id)).await.unwrap().unwrap();
    check("an event by its row", 10, 1);
    reader.event(EventRef::Number(producer(20_005), 2)).await.unwrap().unwrap();
    check("an event by its number", 12, 1);
    reader.event(EventRef::Number(producer(20_005), 4)).await.unwrap().unwrap();
    check("a refused event by its number", 12, 1);
    reader.event(EventRef::ClientId("id 20005".into())).await.unwrap().unwrap();
    check("an event by its client's id", 16, 1);
    reader.event(EventRef::ClientId("no id".into())).await.unwrap();
    check("an id that is not there", 12, 4);
    for (of, verdict) in [
        (None, None),
        (None, Some(Completeness::InFlight)),
        (None, Some(Completeness::Lost)),
        (None, Some(Completeness::Declared)),
        (Some(producer(20_005)), None),
    ] {
        let (after_number, now_ms) = (0, NOW);
        let query = ProducerQuery {
            verdict,
            source: None,
            producer: of,
            after_number,
            after: None,
            limit: 20,
            now_ms,
        };
        reader.producers(query).await.unwrap();
        check("producers", 320, 0);
    }
    for (outcome, of) in [
        (Outcome::Invalid, None),
        (Outcome::Duplicate, None),
        (Outcome::Invalid, Some(producer(20_005))),
    ] {
        let query = RefusedQuery {
            outcome,
            source: None,
            producer: of,
            from_ms: None,
            to_ms: None,
            after: None,
            limit: 20,
        };
        reader.refused(query).await.unwrap();
        check("refused arrivals", 300, 0);
    }
    let filter =
        EventFilter { from_ms: Some(NOW + 3 * WEEK_MS), to_ms: Some(NOW + 5 * WEEK_MS), ..all() };
    let calendar = Calendar::default();
    reader
        .aggregate(AggregateQuery { filter, by: Grouping::Name, calendar, counts_max: COUNTS_MAX })
        .await
        .unwrap();
    check("a count", 3_000, 1);
    let start = LivePlace::default();
    reader.live(all(), start, 50).await.unwrap();
    check("the live view", 700, 1);
    reader.live_end().await.unwrap();
    check("the end of the live view", 20, 0);
    reader.totals(NOW).await.unwrap();
    reader.sources().await.unwrap();
    check("totals", 400, 0);
}
