//! The plans of every statement about deliveries, as PostgreSQL ran them, with values known to the
//! planner and without.

use std::collections::BTreeSet;
use std::path::PathBuf;

use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    BackfillAsk, DeadLetterQuery, DeliveryAsk, DeliveryEnding, DeliveryFailures, DiscardAsk,
    EventIdentity, LOG_STEPS_MAX, Reason, RetentionLimits, RetryAsk, SettledDelivery, Settlement,
    Storage, Week,
};
use serde_json::Value;
use tokio_postgres::Client;

use super::servers::{ask, lease, route};
use crate::harness::postgres::Cluster;
use crate::store::sample::{NOW, good_with, plan_at, shared};

/// Every statement is written to the log with its plan, and with what it read. To read a table of
/// this size whole may be right. What counts is whether an index leads to the rows.
const RECORDING: &str = "-c fsync=off -c full_page_writes=off -c max_connections=60 -c log_line_prefix= \
     -c autovacuum=off -c enable_seqscan=off -c random_page_cost=1.1 -c session_preload_libraries=auto_explain -c auto_explain.log_min_duration=0 \
     -c auto_explain.log_analyze=on -c auto_explain.log_buffers=on -c auto_explain.log_timing=off \
     -c auto_explain.log_format=json";
/// What does not grow with events.
const SMALL: [&str; 4] = ["sinks", "sink_counts", "weeks", "totals"];

/// The plans in a cluster's log.
struct Plans {
    log: PathBuf,
    read: usize,
}

impl Plans {
    /// Those that were added since the last time, of statements about deliveries.
    fn next(&mut self) -> Vec<Value> {
        let log = std::fs::read(&self.log).unwrap();
        let text = String::from_utf8_lossy(&log[self.read..]).into_owned();
        self.read = log.len();
        let (mut plans, mut lines) = (Vec::new(), text.lines().peekable());
        while let Some(line) = lines.next() {
            if !line.trim_end().ends_with("plan:") {
                continue;
            }
            let mut json = String::new();
            while let Some(line) = lines.next_if(|line| line.starts_with('\t')) {
                json.push_str(line);
            }
            plans.push(serde_json::from_str(&json).unwrap());
        }
        plans
    }
}

/// What a plan did.
#[derive(Debug, Default)]
struct Done {
    scanned: BTreeSet<String>,
    logs: BTreeSet<String>,
    indexes: BTreeSet<String>,
}

impl Done {
    fn of(plan: &Value) -> Self {
        let mut done = Self::default();
        done.add(plan);
        done
    }

    fn add(&mut self, node: &Value) {
        let is_done = node["Actual Loops"].as_f64().unwrap() > 0.0;
        if let (Some(relation), true) = (node["Relation Name"].as_str(), is_done) {
            if node["Node Type"] == "Seq Scan" && !SMALL.contains(&relation) {
                self.scanned.insert(relation.to_owned());
            }
            if relation.starts_with("deliveries_2") {
                self.logs.insert(relation.to_owned());
            }
        }
        if let (Some(index), true) = (node["Index Name"].as_str(), is_done) {
            self.indexes.insert(index.to_owned());
        }
        for node in node["Plans"].as_array().into_iter().flatten() {
            self.add(node);
        }
    }
}

impl Done {
    /// Whether the queue was read in the order in which deliveries are due.
    fn is_by_time(&self) -> bool {
        let of_queue = |index: &&String| index.starts_with("delivery_queue");
        let by_time = ["delivery_queue_due", "delivery_queue_isolated"];
        self.indexes.iter().filter(of_queue).all(|index| by_time.contains(&index.as_str()))
    }
}

/// Pages that a statement read or had in memory.
fn pages(plan: &Value) -> u64 {
    let count = |name: &str| plan["Plan"][name].as_u64().unwrap();
    count("Shared Hit Blocks") + count("Shared Read Blocks")
}

/// Checks the plans of one call, which may take this many pages in each statement and touch the log
/// of this many weeks.
fn check(plans: &mut Plans, call: &str, pages_max: u64, weeks_max: usize) {
    let all = plans.next();
    assert!(!all.is_empty(), "{call} is recorded");
    for plan in all {
        let (done, pages) = (Done::of(&plan["Plan"]), pages(&plan));
        println!("{call}: {pages} pages, {done:?}");
        assert!(done.scanned.is_empty(), "{call} scans {:?}: {plan:#}", done.scanned);
        let is_lease = plan["Query Text"].as_str().unwrap().contains("SKIP LOCKED");
        assert!(!is_lease || done.is_by_time(), "what is due is in the order of time: {plan:#}");
        assert!(done.logs.len() <= weeks_max, "{call} is about more weeks: {plan:#}");
        assert!(pages <= pages_max, "{call} takes {pages} pages: {plan:#}");
    }
}

fn at(week: i64) -> i64 {
    NOW + week * WEEK_MS
}

async fn settle(
    storage: &Storage,
    count: u32,
    now_ms: i64,
    ending: &DeliveryEnding,
    failures: DeliveryFailures,
) {
    let (lease, leased) = lease(storage, count, now_ms).await;
    let settled = |ticket: lamplight_server::store::DeliveryTicket| SettledDelivery {
        ticket: ticket.with_failures(failures),
        ending: ending.clone(),
    };
    let deliveries = leased.into_iter().map(|it| settled(it.ticket)).collect();
    let settlement = Settlement { sink: "a".into(), lease, deliveries, condition: None, now_ms };
    storage.delivery_queue.settle(settlement).await.unwrap();
}

/// Events of four weeks, and of each week some deliveries in every state.
async fn fill(storage: &Storage, client: &Client) {
    let failures = |own| DeliveryFailures { first_ms: Some(NOW), alone_ms: None, own };
    let reason = |code| Reason::new(code, "because");
    for week in 0..4 {
        let now_ms = at(week);
        for number in 0..6 {
            let properties = format!(r#"{{"text":"{}"}}"#, "x".repeat(300));
            let event = good_with("a", |it| it.properties_json = Some(properties));
            let events = vec![(EventIdentity::Anonymous, event); 400];
            let number = u128::try_from(week * 10 + number + 1).unwrap();
            storage.events.apply(shared([plan_at(now_ms, number, events)]), now_ms).await.unwrap();
        }
        settle(storage, 700, now_ms, &DeliveryEnding::Dead(reason("refused")), failures(0)).await;
        settle(storage, 6, now_ms, &DeliveryEnding::Dead(reason("rare")), failures(0)).await;
        let one = RetryAsk { reason: Some("refused".into()), ..RetryAsk::default() };
        let to_ms = Some(now_ms + 1);
        let letters = RetryAsk { from_ms: Some(now_ms), to_ms, now_ms, ..one };
        if week == 0 {
            let discard = DiscardAsk { letters, restore: false };
            storage.delivery_queue.discard_dead(discard).await.unwrap();
        }
        settle(storage, 600, now_ms, &DeliveryEnding::Sent, failures(0)).await;
        let again = DeliveryEnding::RetryAt(at(9), reason("timeout"));
        settle(storage, 200, now_ms, &again, failures(0)).await;
        settle(storage, 100, now_ms, &again, failures(1)).await;
    }
    client.batch_execute("VACUUM ANALYZE").await.unwrap();
}

/// Every call, in an order in which each finds something to do.
async fn check_all(storage: &Storage, plans: &mut Plans) {
    let queue = &storage.delivery_queue;
    plans.next();
    let (held, leased) = lease(storage, 12, at(3)).await;
    assert_eq!(leased.len(), 12);
    check(plans, "a lease of new deliveries", 1_500, 0);
    let endings = [
        DeliveryEnding::Sent,
        DeliveryEnding::RetryAt(at(9), Reason::new("timeout", "no answer")),
        DeliveryEnding::Dead(Reason::new("refused", "no")),
    ];
    let deliveries = leased
        .iter()
        .zip(endings.iter().cycle())
        .map(|(it, ending)| SettledDelivery { ticket: it.ticket, ending: ending.clone() });
    let deliveries = deliveries.collect();
    let settlement =
        Settlement { sink: "a".into(), lease: held, deliveries, condition: None, now_ms: at(3) };
    queue.settle(settlement).await.unwrap();
    check(plans, "settling", 1_500, 1);

    let (_, leased) = lease(storage, 8, at(9)).await;
    assert_eq!(leased.len(), 8);
    check(plans, "a lease of old deliveries", 1_500, 0);
    queue.steps(leased[0].ticket.event()).await.unwrap();
    check(plans, "steps", 20, 1);
    queue.sinks().await.unwrap();
    check(plans, "sinks", 1_600, 0);

    for (is_discarded, reason) in
        [(false, None), (false, Some("rare")), (true, None), (true, Some("refused"))]
    {
        let query = DeadLetterQuery {
            sink: "a".into(),
            reason: reason.map(str::to_owned),
            is_discarded,
            after: None,
            limit: 20,
        };
        assert_eq!(queue.dead_letters(query).await.unwrap().len(), 20);
        check(plans, "a page of letters", 150, 4);
    }
    let one_hour = RetryAsk {
        sink: Some("a".into()),
        reason: Some("rare".into()),
        from_ms: Some(at(2)),
        to_ms: Some(at(2) + 3_600_000),
        now_ms: at(4),
        ..RetryAsk::default()
    };
    let dry = RetryAsk { dry_run: true, ..one_hour.clone() };
    assert_eq!(queue.retry_dead(dry).await.unwrap().count, 6);
    check(plans, "counting letters", 100, 0);
    let discard = |restore| DiscardAsk { letters: one_hour.clone(), restore };
    for restore in [false, true] {
        assert_eq!(queue.discard_dead(discard(restore)).await.unwrap().count, 6);
        check(plans, "discarding and restoring", 800, 1);
    }
    assert_eq!(queue.retry_dead(one_hour.clone()).await.unwrap().count, 6);
    check(plans, "a retry", 800, 1);

    let of_b = DeliveryAsk { sink: "b".into(), ..ask(20, at(4)) };
    let (_, leased) = queue.lease(of_b).await.unwrap();
    let events: Vec<_> = leased.into_iter().filter_map(|it| it.row).collect();
    plans.next();
    for dry_run in [true, false] {
        let ask = BackfillAsk { sink: "a".into(), events: events.clone(), now_ms: at(4), dry_run };
        queue.backfill(ask).await.unwrap().unwrap();
        check(plans, "a backfill", 600, 1);
    }
    queue.pause_sink("a".into(), true, at(4)).await.unwrap();
    check(plans, "a pause", 20, 0);
    // Forgetting writes a row of the queue and its indexes for each that failed, and for no other.
    queue.pause_sink("a".into(), false, at(4)).await.unwrap();
    check(plans, "resuming", 40_000, 0);
    queue.pause_sink("a".into(), false, at(4)).await.unwrap();
    check(plans, "resuming again", 5_000, 0);
}

async fn check_long_log(storage: &Storage, plans: &mut Plans) {
    let mut now_ms = at(20);
    for step in 0..LOG_STEPS_MAX + 2 {
        let (lease, leased) = lease(storage, 1, now_ms).await;
        let ending = DeliveryEnding::RetryAt(1, Reason::new("timeout", "no answer"));
        let deliveries = vec![SettledDelivery { ticket: leased[0].ticket, ending }];
        let settlement =
            Settlement { sink: "a".into(), lease, deliveries, condition: None, now_ms };
        plans.next();
        storage.delivery_queue.settle(settlement).await.unwrap();
        if step > LOG_STEPS_MAX {
            check(plans, "a failed attempt over another", 100, 1);
        }
        now_ms += 10;
    }
}

async fn check_prune(storage: &Storage, client: &Client, plans: &mut Plans) {
    let keep = RetentionLimits {
        events_from_ms: Some(Week::of_ms(at(1)).from_ms()),
        events_bytes: None,
        ids_from_ms: 0,
        pending_from_ms: i64::MAX,
        now_ms: at(5),
    };
    let discarded = async || -> i64 {
        let sql = "SELECT count(*) FROM discarded_letters";
        client.query_one(sql, &[]).await.unwrap().get(0)
    };
    let before = discarded().await;
    storage.events.prune(keep).await.unwrap();
    assert!(discarded().await < before);
    let of_letters = |plan: &Value| {
        let text = plan["Query Text"].as_str().unwrap();
        text.starts_with("DELETE FROM d")
    };
    let all: Vec<Value> = plans.next().into_iter().filter(of_letters).collect();
    assert!(all.len() >= 4, "both lists of letters of two sinks");
    for plan in all {
        let done = Done::of(&plan["Plan"]);
        let scanned = done.scanned;
        assert!(scanned.is_empty(), "pruning scans {scanned:?}: {plan:#}");
        assert_eq!(done.logs.len(), 0, "the log went with its week");
    }
}

#[tokio::test]
async fn statements_about_deliveries_go_along_indexes_of_one_week() {
    let cluster = Cluster::start(RECORDING);
    let mut plans = Plans { log: cluster.folder().join("postgres.log"), read: 0 };
    let postgres = cluster.client("postgres").await;
    for mode in ["auto", "force_generic_plan"] {
        let name = format!("plans_{mode}");
        postgres.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        let set = format!("ALTER DATABASE {name} SET plan_cache_mode = {mode}");
        postgres.batch_execute(&set).await.unwrap();
        let client = cluster.client(&name).await;
        client
            .batch_execute("SET search_path = lamplight; SET auto_explain.log_min_duration = -1")
            .await
            .unwrap();
        let storage = open(&cluster.url(&name)).await;
        fill(&storage, &client).await;
        check_all(&storage, &mut plans).await;
        check_long_log(&storage, &mut plans).await;
        check_prune(&storage, &client, &mut plans).await;
        storage.close().await.unwrap();
    }
}

async fn open(url: &str) -> Storage {
    use lamplight_server::store::{Opening, WriterLimits, postgres};
    use lamplight_server::system::supervisor::Supervisor;
    let opening = Opening::Serve(vec![route("a"), route("b")]);
    let (limits, supervisor) = (WriterLimits::default(), Supervisor::default());
    postgres::open_as(&crate::harness::postgres::urls(url), limits, opening, &supervisor)
        .await
        .unwrap()
}
