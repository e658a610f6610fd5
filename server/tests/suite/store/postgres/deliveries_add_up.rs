//! Every delivery is in exactly one place at every moment, whatever servers do at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use lamplight_server::store::{
    BackfillAsk, DeliveryAsk, DeliveryEnding, DeliveryFailures, DiscardAsk, EventIdentity, Reason,
    RetryAsk, SettledDelivery, Settlement, SinkCondition, Storage, StoreError,
};
use tokio::task::JoinSet;
use tokio_postgres::Client;

use super::servers::{ask, server};
use crate::harness::postgres::TestDatabase;
use crate::store::sample::{NOW, good, good_with, plan, shared};

/// What is made of a sink, what its counts say, and where its deliveries are, in one snapshot.
const PLACES: &str = "SELECT (SELECT count(*) FROM deliveries WHERE step = 0 AND sink = 1), \
     coalesce(sum(waiting), 0)::bigint, coalesce(sum(sent), 0)::bigint, coalesce(sum(dead), 0)::bigint, \
     coalesce(sum(dropped), 0)::bigint, coalesce(sum(discarded), 0)::bigint, \
     (SELECT count(*) FROM delivery_queue WHERE sink = 1), (SELECT count(*) FROM dead_letters WHERE sink = 1), \
     (SELECT count(*) FROM discarded_letters WHERE sink = 1) FROM sink_counts WHERE sink = 1";
/// Deliveries that are not where the last step of their log says, or whose log has a gap.
const MISPLACED: &str = "SELECT count(*) FROM (SELECT DISTINCT ON (event_id, sink) event_id, sink, state, step, \
     count(*) OVER (PARTITION BY event_id, sink) AS steps FROM deliveries ORDER BY event_id, sink, step DESC) AS last \
     LEFT JOIN delivery_queue USING (event_id, sink) LEFT JOIN dead_letters AS dead USING (event_id, sink) \
     LEFT JOIN discarded_letters AS discarded USING (event_id, sink) WHERE last.steps <> last.step + 1 \
     OR (state IN ('queued', 'retry')) <> (delivery_queue.due_ms IS NOT NULL) \
     OR (state = 'dead') <> (dead.reason IS NOT NULL) OR (state = 'discarded') <> (discarded.reason IS NOT NULL) \
     OR coalesce(delivery_queue.steps, dead.steps, discarded.steps, last.step + 1) <> last.step + 1";
/// Ends a connection in the middle of what it does.
const TERMINATE: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
     AND application_name <> 'observer' AND state <> 'idle' ORDER BY random() LIMIT 1";

/// Numbers that look random, the same for a seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// What every worker shares.
struct Shared {
    servers: Vec<Storage>,
    now_ms: AtomicI64,
    payloads: AtomicU64,
    is_over: AtomicBool,
}

impl Shared {
    async fn open(database: &TestDatabase) -> Arc<Self> {
        let mut servers = Vec::new();
        for sinks in [["a", "b"].as_slice(), &["a", "b"], &["b"]] {
            servers.push(server(database, sinks).await);
        }
        let (now_ms, payloads) = (AtomicI64::new(NOW), AtomicU64::new(1));
        Arc::new(Self { servers, now_ms, payloads, is_over: AtomicBool::new(false) })
    }

    /// One step of a worker.
    async fn step(&self, numbers: &mut Numbers) -> Result<(), StoreError> {
        let storage = &self.servers[usize::try_from(numbers.below(2)).unwrap()];
        let queue = &storage.delivery_queue;
        let now_ms = self.now_ms.fetch_add(20, Ordering::Relaxed);
        let letters = RetryAsk { now_ms, over_ms: 300, ..RetryAsk::default() };
        match numbers.below(14) {
            0..3 => {
                let private =
                    |_| good_with("p", |it| it.context_json = Some(r#"{"gpc":true}"#.into()));
                let events = (0..numbers.below(30)).map(|_| (EventIdentity::Anonymous, good("x")));
                let dropped = (0..numbers.below(3)).map(private);
                let dropped = dropped.map(|it| (EventIdentity::Anonymous, it));
                let number = self.payloads.fetch_add(1, Ordering::Relaxed);
                let plan = plan(number.into(), events.chain(dropped).collect());
                // Some come to a server that does not have sink `a`.
                let other = self.servers.last().unwrap();
                let storage = if numbers.below(3) == 0 { other } else { storage };
                storage.events.apply(shared([plan]), now_ms).await.map(drop)
            }
            3..9 => self.deliver(storage, numbers, now_ms).await,
            9 => queue.retry_dead(letters).await.map(drop),
            10 => {
                let restore = numbers.below(2) == 0;
                queue.discard_dead(DiscardAsk { letters, restore }).await.map(drop)
            }
            11 => queue.pause_sink("a".into(), numbers.below(3) == 0, now_ms).await.map(drop),
            12 => queue.pause_sink("a".into(), false, now_ms).await.map(drop),
            _ => {
                // Events that sink `a` may not have been owed.
                let of_b = DeliveryAsk { sink: "b".into(), ..ask(40, now_ms) };
                let (_, leased) = queue.lease(of_b).await?;
                let events = leased.into_iter().filter_map(|it| it.row).collect();
                let ask = BackfillAsk { sink: "a".into(), events, now_ms, dry_run: false };
                queue.backfill(ask).await.map(drop)
            }
        }
    }

    async fn deliver(
        &self,
        storage: &Storage,
        numbers: &mut Numbers,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let events_max = u32::try_from(1 + numbers.below(25)).unwrap();
        let (lease, leased) = storage.delivery_queue.lease(ask(events_max, now_ms)).await?;
        if numbers.below(6) == 0 {
            // Whoever holds it died.
            return Ok(());
        }
        let mut deliveries: Vec<_> = leased
            .iter()
            .map(|it| {
                let code = if numbers.below(2) == 0 { "timeout" } else { "refused" };
                let reason = Reason::new(code, "no");
                let ending = match numbers.below(8) {
                    0..3 => DeliveryEnding::Sent,
                    3..6 => DeliveryEnding::RetryAt(now_ms + 50, reason),
                    6 => DeliveryEnding::Dead(reason),
                    _ => DeliveryEnding::Dropped(reason),
                };
                let own = u32::from(numbers.below(9) == 0);
                let failures = DeliveryFailures { first_ms: Some(now_ms), alone_ms: None, own };
                SettledDelivery { ticket: it.ticket.with_failures(failures), ending }
            })
            .collect();
        if numbers.below(5) == 0 {
            deliveries.truncate(deliveries.len() / 2);
        }
        let reason = || Reason::new("timeout", "no");
        let condition = match numbers.below(12) {
            0 => Some(SinkCondition::Stopped(reason())),
            1 => Some(SinkCondition::Resting(now_ms, reason())),
            2 => Some(SinkCondition::Up),
            _ => None,
        };
        let now_ms = self.now_ms.load(Ordering::Relaxed);
        let settlement = Settlement { sink: "a".into(), lease, deliveries, condition, now_ms };
        let again = settlement.clone();
        let settled = storage.delivery_queue.settle(settlement).await;
        if !again.deliveries.is_empty() && settled.is_ok() {
            let twice = storage.delivery_queue.settle(again).await;
            assert!(twice.is_err(), "what was settled is held by nobody");
        }
        match settled {
            Err(StoreError::LeaseLost) => {
                let now_ms = self.now_ms.load(Ordering::Relaxed);
                assert!(now_ms >= lease.until_ms, "a lease holds until its time");
                Ok(())
            }
            settled => settled,
        }
    }
}

async fn observer(database: &TestDatabase) -> Client {
    let client = database.client().await;
    client.batch_execute("SET application_name = 'observer'").await.unwrap();
    client
}

/// How many deliveries of sink `a` were made. Fails unless each is in one place.
async fn made(client: &Client) -> i64 {
    let row = client.query_one(PLACES, &[]).await.unwrap();
    let numbers: Vec<i64> = (0..9).map(|at| row.get(at)).collect();
    let [made, waiting, sent, dead, dropped, discarded, queue, letters, put_away] = numbers[..]
    else {
        unreachable!()
    };
    assert_eq!(waiting + sent + dead + dropped + discarded, made, "{numbers:?}");
    assert_eq!((waiting, dead, discarded), (queue, letters, put_away), "{numbers:?}");
    assert!(sent >= 0 && dropped >= 0, "{numbers:?}");
    made
}

/// Looks on for some time while workers are at work.
async fn look_on(client: &Client, shared: &Shared, time: Duration) {
    let (until, mut before) = (crate::harness::now() + time, 0);
    while crate::harness::now() < until {
        let now = made(client).await;
        assert!(now >= before, "none is forgotten");
        before = now;
        let sinks = shared.servers[0].delivery_queue.sinks().await;
        if let Ok(sinks) = sinks {
            let sum = i64::try_from(sinks[0].deliveries() + sinks[0].discarded).unwrap();
            assert!(sum >= before, "{sum} of {before}");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    shared.is_over.store(true, Ordering::Relaxed);
}

async fn assert_all_placed(client: &Client) {
    assert!(made(client).await > 100, "there was something to count");
    let misplaced = client.query_one(MISPLACED, &[]).await.unwrap();
    assert_eq!(misplaced.get::<_, i64>(0), 0, "the log says where each is");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_add_up_at_every_moment_whatever_servers_do() {
    let database = TestDatabase::create().await;
    let (shared, client) = (Shared::open(&database).await, observer(&database).await);
    let mut workers = JoinSet::new();
    for seed in 0..6 {
        let shared = Arc::clone(&shared);
        workers.spawn(async move {
            let mut numbers = Numbers(seed);
            while !shared.is_over.load(Ordering::Relaxed) {
                shared.step(&mut numbers).await.unwrap();
            }
        });
    }
    look_on(&client, &shared, Duration::from_secs(5)).await;
    workers.join_all().await;
    assert_all_placed(&client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_add_up_when_connections_end_and_work_is_cut_short() {
    let database = TestDatabase::create().await;
    let (shared, client) = (Shared::open(&database).await, observer(&database).await);
    let terminator = observer(&database).await;
    let mut workers = JoinSet::new();
    for seed in 10..16 {
        let shared = Arc::clone(&shared);
        workers.spawn(async move {
            let mut numbers = Numbers(seed);
            while !shared.is_over.load(Ordering::Relaxed) {
                let patience = Duration::from_millis(5 + numbers.below(300));
                let step = shared.step(&mut numbers);
                // An error, or a future that is dropped, leaves all of a step or nothing.
                drop(tokio::time::timeout(patience, step).await);
            }
        });
    }
    let is_over = Arc::clone(&shared);
    workers.spawn(async move {
        while !is_over.is_over.load(Ordering::Relaxed) {
            terminator.execute(TERMINATE, &[]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    });
    look_on(&client, &shared, Duration::from_secs(6)).await;
    workers.join_all().await;
    assert_all_placed(&client).await;
}
