//! Deliveries that several servers lease and settle at the same time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{
    BackfillAsk, DeadLetterQuery, DeliveryAsk, DeliveryEnding, DiscardAsk, EventIdentity, Reason,
    RetentionLimits, RetryAsk, RowId, SettledDelivery, Settlement, SinkCondition, Storage,
    StoreError, Week,
};

use super::servers::{LEASE_MS, ask, lease, server, settle, sink, store};
use crate::harness::postgres::TestDatabase;
use crate::store::sample::{NOW, good, plan_at, shared};

async fn two_servers(sinks: &[&str]) -> (TestDatabase, Storage, Storage) {
    let database = TestDatabase::create().await;
    let (one, two) = (server(&database, sinks).await, server(&database, sinks).await);
    (database, one, two)
}

fn dead() -> DeliveryEnding {
    DeliveryEnding::Dead(Reason::new("refused", "no"))
}

fn again(due_ms: i64) -> DeliveryEnding {
    DeliveryEnding::RetryAt(due_ms, Reason::new("timeout", "no answer"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_lease_at_the_same_time_never_share_a_delivery() {
    let (_database, one, two) = two_servers(&["a"]).await;
    for number in 1..=3 {
        store(&one, number, 200).await;
    }
    let mut workers = tokio::task::JoinSet::new();
    for storage in [&one, &two, &one, &two, &one, &two] {
        let storage = storage.clone();
        workers.spawn(async move {
            let (mut mine, mut empty) = (Vec::<RowId>::new(), 0);
            // Those that are being chosen from look like none, so that one tries again.
            while empty < 20 {
                let (_, leased) = lease(&storage, 7, NOW).await;
                empty = if leased.is_empty() { empty + 1 } else { 0 };
                assert!(leased.iter().all(|it| it.ticket.attempts() == 1));
                mine.extend(leased.iter().map(|it| it.ticket.event()));
            }
            mine
        });
    }
    let all = workers.join_all().await.concat();
    assert_eq!(all.len(), 600, "each is leased");
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 600, "and once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_is_paused_is_paused_for_every_server_at_once() {
    let (database, one, two) = two_servers(&["a"]).await;
    let client = database.client().await;
    store(&one, 1, 1_000).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let mut workers = tokio::task::JoinSet::new();
    for storage in [&one, &two, &two] {
        let (storage, is_over) = (storage.clone(), Arc::clone(&is_over));
        workers.spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                lease(&storage, 1, NOW).await;
            }
        });
    }
    let leased = async || -> i64 {
        let sql = "SELECT count(*) FROM delivery_queue WHERE lease_token IS NOT NULL";
        client.query_one(sql, &[]).await.unwrap().get(0)
    };
    for round in 0..25 {
        let before = leased().await;
        // A resumed sink is resumed for all.
        while leased().await < before + 6 {
            tokio::task::yield_now().await;
        }
        assert!(one.delivery_queue.pause_sink("a".into(), true, NOW).await.unwrap());
        let at_pause = leased().await;
        tokio::time::sleep(std::time::Duration::from_millis(8)).await;
        assert_eq!(leased().await, at_pause, "round {round}: none is leased in a pause");
        assert_eq!(sink(&two).await.paused_ms, Some(NOW));
        assert!(two.delivery_queue.pause_sink("a".into(), false, NOW).await.unwrap());
        assert_eq!(sink(&one).await.paused_ms, None);
    }
    is_over.store(true, Ordering::Relaxed);
    workers.join_all().await;
}

#[tokio::test]
async fn a_sink_that_stops_on_one_server_is_stopped_for_all_until_it_is_resumed() {
    let (database, one, two) = two_servers(&["a"]).await;
    store(&one, 1, 3).await;
    let (held, leased) = lease(&one, 1, NOW).await;
    let condition = Some(SinkCondition::Stopped(Reason::new("not_allowed", "401")));
    let stop = |lease, deliveries| {
        let (sink, condition) = (Arc::from("a"), condition.clone());
        Settlement { sink, lease, deliveries, condition, now_ms: NOW }
    };
    one.delivery_queue.settle(stop(held, Vec::new())).await.unwrap();
    assert_eq!(lease(&two, 9, NOW).await.1.len(), 0);
    settle(&one, (held, leased), &again(NOW + 1), NOW).await.unwrap();
    assert!(two.delivery_queue.pause_sink("a".into(), false, NOW).await.unwrap());
    assert_eq!(lease(&one, 9, NOW + 1).await.1.len(), 3);

    // Whoever starts with this sink tries again, and who starts without it changes nothing here.
    one.delivery_queue.settle(stop(held, Vec::new())).await.unwrap();
    let other = server(&database, &["b"]).await;
    let row = sink(&other).await;
    assert_eq!((row.is_configured, row.stopped.as_deref()), (false, Some("not_allowed: 401")));
    server(&database, &["a"]).await;
    let row = sink(&other).await;
    assert_eq!((row.is_configured, row.stopped), (true, None));
}

#[tokio::test]
async fn the_lease_of_a_server_that_dies_comes_back_and_is_lost_to_it() {
    let (database, one, two) = two_servers(&["a"]).await;
    store(&one, 1, 2).await;
    let held = lease(&one, 9, NOW).await;
    // Another server that starts or ends takes nothing from one that works.
    let third = server(&database, &["a"]).await;
    assert_eq!(lease(&third, 9, NOW + LEASE_MS - 1).await.1.len(), 0);
    third.close().await.unwrap();
    assert_eq!(lease(&two, 9, NOW + LEASE_MS - 1).await.1.len(), 0);
    let next = lease(&two, 9, NOW + LEASE_MS).await;
    assert_eq!(next.1.iter().map(|it| it.ticket.attempts()).collect::<Vec<_>>(), [2, 2]);
    // Its clock is behind, so that only the token can tell.
    let lost = settle(&one, held, &DeliveryEnding::Sent, NOW + 1).await;
    assert!(matches!(lost, Err(StoreError::LeaseLost)), "{lost:?}");
    settle(&two, next, &DeliveryEnding::Sent, NOW + LEASE_MS).await.unwrap();
    assert_eq!((sink(&one).await.sent, sink(&one).await.waiting), (2, 0));
}

#[tokio::test]
async fn a_server_that_ends_gives_back_what_it_did_not_settle_and_nothing_else() {
    let (_database, one, two) = two_servers(&["a"]).await;
    store(&one, 1, 5).await;
    let (held, mut leased) = lease(&one, 3, NOW).await;
    let of_two = lease(&two, 1, NOW).await;
    let rest = leased.split_off(1);
    settle(&one, (held, leased), &again(NOW + 900), NOW).await.unwrap();
    one.close().await.unwrap();
    let back = lease(&two, 9, NOW).await.1;
    let mut events: Vec<_> = back.iter().map(|it| it.ticket.event()).collect();
    events.retain(|event| rest.iter().any(|it| it.ticket.event() == *event));
    assert_eq!((back.len(), events.len()), (3, 2), "two come back, and one waited");
    settle(&two, of_two, &DeliveryEnding::Sent, NOW).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_start_at_the_same_time_agree_on_the_numbers_of_sinks() {
    let database = Arc::new(TestDatabase::create().await);
    let mut starting = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let database = Arc::clone(&database);
        starting.spawn(async move { server(&database, &["c", "a", "b"]).await });
    }
    let servers = starting.join_all().await;
    let client = database.client().await;
    let sql = "SELECT string_agg(name, '' ORDER BY id), max(id) FROM sinks";
    let row = client.query_one(sql, &[]).await.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, i32>(1)), ("cab", 3), "no number is wasted");
    for (number, storage) in (1..).zip(&servers) {
        store(storage, number, 1).await;
    }
    assert_eq!(sink(&servers[0]).await.waiting, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backfills_of_two_servers_owe_each_event_once() {
    let database = TestDatabase::create().await;
    let before = server(&database, &["b"]).await;
    store(&before, 1, 300).await;
    let of_b = DeliveryAsk { sink: "b".into(), ..ask(999, NOW) };
    let (_, leased) = before.delivery_queue.lease(of_b).await.unwrap();
    let events: Vec<_> = leased.into_iter().map(|it| it.row.unwrap()).collect();
    let (one, two) = (server(&database, &["a"]).await, server(&database, &["a"]).await);
    let reversed = events.iter().rev().cloned().collect();
    let ask = |events| BackfillAsk { sink: "a".into(), events, now_ms: NOW, dry_run: false };
    let (of_one, of_two) = tokio::join!(
        one.delivery_queue.backfill(ask(events.clone())),
        two.delivery_queue.backfill(ask(reversed))
    );
    let (of_one, of_two) = (of_one.unwrap().unwrap(), of_two.unwrap().unwrap());
    assert_eq!((of_one.queued + of_two.queued, of_one.known + of_two.known), (300, 300));
    assert_eq!((sink(&one).await.waiting, lease(&two, 999, NOW).await.1.len()), (300, 300));
}

#[tokio::test]
async fn letters_are_retried_by_one_of_two_servers_that_are_asked_at_the_same_time() {
    let (_database, one, two) = two_servers(&["a"]).await;
    store(&one, 1, 120).await;
    let all = lease(&one, 999, NOW).await;
    settle(&one, all, &dead(), NOW).await.unwrap();
    let retry = RetryAsk { sink: Some("a".into()), now_ms: NOW, ..RetryAsk::default() };
    let discard = DiscardAsk { letters: retry.clone(), restore: false };
    let (retried, discarded, also) = tokio::join!(
        one.delivery_queue.retry_dead(retry.clone()),
        two.delivery_queue.discard_dead(discard),
        two.delivery_queue.retry_dead(retry),
    );
    let counts = [retried, discarded, also].map(|count| count.unwrap().count);
    assert_eq!(counts.iter().sum::<u64>(), 120, "{counts:?}");
    let row = sink(&two).await;
    assert_eq!((row.waiting + row.discarded, row.dead), (120, 0));
    assert_eq!((row.discarded, row.failing), (counts[1], row.waiting), "they failed before");
}

#[tokio::test]
async fn a_delivery_whose_week_was_removed_is_settled_without_a_log() {
    let (_database, one, two) = two_servers(&["a"]).await;
    let events = vec![(EventIdentity::Anonymous, good("old")); 5];
    one.events.apply(shared([plan_at(NOW, 1, events)]), NOW).await.unwrap();
    let newer = plan_at(NOW + WEEK_MS, 2, vec![(EventIdentity::Anonymous, good("new"))]);
    one.events.apply(shared([newer]), NOW).await.unwrap();
    let (held, mut leased) = lease(&one, 5, NOW).await;
    let event = leased[0].ticket.event();
    assert_eq!(one.delivery_queue.steps(event).await.unwrap().len(), 1);
    let keep = RetentionLimits {
        events_from_ms: Some(Week::of_ms(NOW + WEEK_MS).from_ms()),
        events_bytes: None,
        ids_from_ms: 0,
        pending_from_ms: i64::MAX,
        now_ms: NOW,
    };
    assert_eq!(two.events.prune(keep).await.unwrap().weeks, 1);
    let rest = leased.split_off(2);
    settle(&one, (held, leased), &dead(), NOW).await.unwrap();
    settle(&one, (held, rest), &again(NOW), NOW).await.unwrap();
    let row = sink(&two).await;
    assert_eq!((row.waiting, row.dead), (4, 2));
    assert_eq!(two.delivery_queue.steps(event).await.unwrap(), []);
    let query = DeadLetterQuery { sink: "a".into(), limit: 9, ..DeadLetterQuery::default() };
    let letters = two.delivery_queue.dead_letters(query).await.unwrap();
    assert_eq!(letters.iter().map(|it| it.at_ms).collect::<Vec<_>>(), [None, None]);

    let retry = RetryAsk { event: Some(event), now_ms: NOW, ..RetryAsk::default() };
    assert_eq!(two.delivery_queue.retry_dead(retry).await.unwrap().count, 1);
    let next = lease(&two, 9, NOW).await;
    let gone = next.1.iter().filter(|it| it.row.is_none()).count();
    assert_eq!((next.1.len(), gone), (5, 4), "they are leased without their events");
    let gone = DeliveryEnding::Dropped(Reason::new("removed", "its event is gone"));
    settle(&two, next, &gone, NOW).await.unwrap();
    let row = sink(&two).await;
    assert_eq!((row.waiting, row.dead, row.dropped), (0, 1, 5));
    two.events.prune(keep).await.unwrap();
    assert_eq!((sink(&one).await.dead, sink(&one).await.dropped), (0, 6), "a letter goes, too");
}

#[tokio::test]
async fn texts_of_sinks_may_hold_any_character() {
    let database = TestDatabase::create().await;
    let name = "a\0\u{10FFFF}";
    let storage = server(&database, &[name, "a"]).await;
    store(&storage, 1, 1).await;
    let asked = || DeliveryAsk { sink: name.into(), ..ask(9, NOW) };
    let (held, leased) = storage.delivery_queue.lease(asked()).await.unwrap();
    let reason = Reason::new("refused", "it said \0");
    let deliveries = leased
        .iter()
        .map(|it| SettledDelivery {
            ticket: it.ticket,
            ending: DeliveryEnding::Dead(reason.clone()),
        })
        .collect();
    let condition = Some(SinkCondition::Stopped(reason.clone()));
    let settlement =
        Settlement { sink: name.into(), lease: held, deliveries, condition, now_ms: NOW };
    storage.delivery_queue.settle(settlement).await.unwrap();
    let sinks = storage.delivery_queue.sinks().await.unwrap();
    let listed: Vec<_> = sinks.iter().map(|it| (it.name.as_str(), it.stopped.as_deref())).collect();
    assert_eq!(listed, [("a", None), (name, Some("refused: it said \0"))]);
    let query = DeadLetterQuery { sink: name.into(), limit: 9, ..DeadLetterQuery::default() };
    let letters = storage.delivery_queue.dead_letters(query).await.unwrap();
    assert_eq!(letters[0].detail.as_deref(), Some("it said \0"));
}

#[tokio::test]
async fn a_sink_that_rests_or_stops_at_one_server_does_so_at_all() {
    let (_database, one, two) = two_servers(&["a"]).await;
    store(&one, 1, 4).await;
    let why = || Reason::new("busy", "wait");
    let (lease_of_one, leased) = lease(&one, 1, NOW).await;
    let ended = |it: lamplight_server::store::LeasedDelivery| SettledDelivery {
        ticket: it.ticket,
        ending: again(NOW + 10),
    };
    let told = |condition| Settlement {
        sink: Arc::from("a"),
        lease: lease_of_one,
        deliveries: Vec::new(),
        condition: Some(condition),
        now_ms: NOW,
    };
    let rests = Settlement {
        deliveries: leased.into_iter().map(ended).collect(),
        ..told(SinkCondition::Resting(NOW + 5_000, why()))
    };
    one.delivery_queue.settle(rests).await.unwrap();
    for now_ms in [NOW, NOW + 4_999] {
        assert_eq!(lease(&two, 1, now_ms).await.1.len(), 0, "it rests");
    }
    assert_eq!(lease(&two, 1, NOW + 5_000).await.1.len(), 1);
    let far = told(SinkCondition::Resting(NOW + 60 * 60 * 1_000, why()));
    one.delivery_queue.settle(far).await.unwrap();
    assert_eq!(lease(&two, 1, NOW).await.1.len(), 1, "by a clock that was set back since");
    one.delivery_queue.settle(told(SinkCondition::Stopped(why()))).await.unwrap();
    assert_eq!(lease(&two, 1, NOW + 9_000).await.1.len(), 0, "it is stopped");
    two.delivery_queue.pause_sink("a".into(), false, NOW + 9_000).await.unwrap();
    assert_eq!(lease(&one, 1, NOW + 9_000).await.1.len(), 1, "and resumed");
}
