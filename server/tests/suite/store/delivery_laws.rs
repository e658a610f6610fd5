//! The laws of `DeliveryQueue`: what sinks are owed, and how each delivery ends.

use lamplight_server::store::{
    DeliveryAsk, DeliveryEnding, DeliveryOrder, DeliveryState, EventColumns, Lease, LeaseToken,
    LeasedDelivery, Reason, RetryAsk, Route, SettledDelivery, Settlement, SinkCondition, SinkRow,
    StoreError,
};
use lamplight_wire::event::Kind;

use crate::store::backend::Backend;
use crate::store::sample::{NOW, client_id, good, good_with, number, plan, shared};

crate::laws!(
    an_event_is_owed_to_each_sink_that_wants_it_and_to_no_other,
    applying_again_owes_nothing_twice_even_after_a_restart,
    an_event_with_the_privacy_mark_is_dropped_for_every_sink,
    a_leased_delivery_is_not_leased_again_before_its_lease_ends,
    settle_with_another_token_or_too_late_changes_nothing,
    a_retry_is_due_at_its_time_and_counts_attempts,
    a_paused_or_stopped_sink_gets_nothing_and_delays_no_other,
    dead_letters_are_retried_by_event_by_reason_and_by_time,
    a_lease_takes_no_more_bytes_than_asked_but_at_least_one_delivery,
    a_restart_ends_leases_and_keeps_the_number_of_attempts,
    counts_always_add_up,
    retries_alone_fill_a_lease,
);

fn route(sink: &str, types: &[Kind]) -> Route {
    let (only, except) = (Vec::new(), Vec::new());
    Route { sink: sink.into(), kind: "file", types: types.to_vec(), only, except }
}

/// The same data, opened with two sinks.
pub(super) async fn two_sinks(backend: Backend) -> Backend {
    let routes = vec![route("a", &[Kind::Default]), route("b", &[Kind::Default, Kind::Critical])];
    backend.reopened_with(routes).await
}

pub(super) async fn store(backend: &Backend, number: u128, names: &[&str]) {
    let events = names.iter().map(|name| (client_id(name), good(name))).collect();
    backend.storage.events.apply(shared([plan(number, events)]), NOW).await.unwrap();
}

/// Stores events of one producer: all are in one database, which settles and spreads them as one.
async fn store_of_one_page(backend: &Backend, payload: u128, names: &[&str]) {
    let first = u64::try_from(payload).unwrap() * 100;
    let events = (first..).zip(names).map(|(seq, name)| (number(1, seq), good(name))).collect();
    backend.storage.events.apply(shared([plan(payload, events)]), NOW).await.unwrap();
}

pub(super) async fn lease(
    backend: &Backend,
    sink: &str,
    token: u128,
    now_ms: i64,
) -> (Lease, Vec<LeasedDelivery>) {
    let ask = DeliveryAsk {
        sink: sink.into(),
        token: LeaseToken(token),
        now_ms,
        lease_ms: 1_000,
        events_max: 100,
        bytes_max: 1 << 20,
        order: DeliveryOrder::Shared,
    };
    backend.storage.delivery_queue.lease(ask).await.unwrap()
}

pub(super) async fn settle(
    backend: &Backend,
    sink: &str,
    (lease, leased): (Lease, Vec<LeasedDelivery>),
    ending: &DeliveryEnding,
    now_ms: i64,
) -> Result<(), StoreError> {
    let deliveries = leased
        .iter()
        .map(|delivery| SettledDelivery { ticket: delivery.ticket, ending: ending.clone() })
        .collect();
    let settlement = Settlement { sink: sink.into(), lease, deliveries, condition: None, now_ms };
    backend.storage.delivery_queue.settle(settlement).await
}

pub(super) async fn sink(backend: &Backend, name: &str) -> SinkRow {
    let sinks = backend.storage.delivery_queue.sinks().await.unwrap();
    sinks.into_iter().find(|sink| sink.name == name).unwrap()
}

pub(super) fn names(leased: &[LeasedDelivery]) -> Vec<&str> {
    leased.iter().map(|delivery| delivery.row.as_ref().unwrap().name.as_str()).collect()
}

fn dead() -> DeliveryEnding {
    DeliveryEnding::Dead(Reason::new("refused", "because"))
}

async fn an_event_is_owed_to_each_sink_that_wants_it_and_to_no_other(backend: Backend) {
    let backend = two_sinks(backend).await;
    let kind = |kind: Kind| move |columns: &mut EventColumns| columns.kind = kind;
    let events = vec![
        (client_id("d"), good("d")),
        (client_id("c"), good_with("c", kind(Kind::Critical))),
        (client_id("m"), good_with("m", kind(Kind::Monitor))),
    ];
    backend.storage.events.apply(shared([plan(1, events)]), NOW).await.unwrap();
    assert_eq!(names(&lease(&backend, "a", 1, NOW).await.1), ["d"]);
    assert_eq!(names(&lease(&backend, "b", 1, NOW).await.1), ["d", "c"]);
    assert_eq!(names(&lease(&backend, "nobody", 1, NOW).await.1), [""; 0]);
}

async fn applying_again_owes_nothing_twice_even_after_a_restart(backend: Backend) {
    let backend = two_sinks(backend).await;
    store(&backend, 1, &["x"]).await;
    store(&backend, 1, &["x"]).await;
    let first = lease(&backend, "a", 1, NOW).await;
    assert_eq!(first.1.len(), 1);
    settle(&backend, "a", first, &DeliveryEnding::Sent, NOW).await.unwrap();
    let backend = two_sinks(backend).await;
    store(&backend, 1, &["x"]).await;
    assert_eq!(lease(&backend, "a", 2, NOW).await.1.len(), 0);
    assert_eq!((sink(&backend, "a").await.sent, sink(&backend, "a").await.waiting), (1, 0));
}

async fn an_event_with_the_privacy_mark_is_dropped_for_every_sink(backend: Backend) {
    let backend = two_sinks(backend).await;
    let marked = good_with("x", |columns| columns.context_json = Some(r#"{"gpc":true}"#.into()));
    let plans = shared([plan(1, vec![(client_id("x"), marked)])]);
    let id = plans[0].events[0].id;
    backend.storage.events.apply(plans, NOW).await.unwrap();
    assert_eq!(lease(&backend, "a", 1, NOW).await.1.len(), 0);
    let steps = backend.storage.delivery_queue.steps(id).await.unwrap();
    assert_eq!(steps.len(), 2);
    assert!(steps.iter().all(|step| step.state == DeliveryState::Dropped));
    assert_eq!(steps[0].reason.as_deref(), Some("gpc"));
    assert_eq!((sink(&backend, "a").await.dropped, sink(&backend, "a").await.waiting), (1, 0));
}

async fn a_leased_delivery_is_not_leased_again_before_its_lease_ends(backend: Backend) {
    let backend = two_sinks(backend).await;
    store(&backend, 1, &["x", "y"]).await;
    assert_eq!(lease(&backend, "a", 1, NOW).await.1.len(), 2);
    assert_eq!(lease(&backend, "a", 2, NOW + 999).await.1.len(), 0);
    assert_eq!(lease(&backend, "a", 3, NOW + 1_000).await.1.len(), 2);
}

async fn settle_with_another_token_or_too_late_changes_nothing(backend: Backend) {
    let backend = two_sinks(backend).await;
    store_of_one_page(&backend, 1, &["x", "y"]).await;
    let (held, leased) = lease(&backend, "a", 1, NOW).await;
    let stolen = Lease { token: LeaseToken(9), ..held };
    let lost = settle(&backend, "a", (stolen, leased.clone()), &DeliveryEnding::Sent, NOW).await;
    assert!(matches!(lost, Err(StoreError::LeaseLost)), "{lost:?}");
    let late = (held, leased.clone());
    let late = settle(&backend, "a", late, &DeliveryEnding::Sent, NOW + 1_000).await;
    assert!(matches!(late, Err(StoreError::LeaseLost)), "{late:?}");
    // If one of two is no longer held, neither is settled.
    let one = (held, vec![leased[0].clone()]);
    settle(&backend, "a", one, &DeliveryEnding::Sent, NOW).await.unwrap();
    let both = settle(&backend, "a", (held, leased.clone()), &DeliveryEnding::Sent, NOW).await;
    assert!(matches!(both, Err(StoreError::LeaseLost)), "{both:?}");
    let row = sink(&backend, "a").await;
    assert_eq!((row.waiting, row.sent), (1, 1));
    settle(&backend, "a", (held, vec![leased[1].clone()]), &dead(), NOW).await.unwrap();
    assert_eq!(sink(&backend, "a").await.dead, 1);
}

async fn a_retry_is_due_at_its_time_and_counts_attempts(backend: Backend) {
    let backend = two_sinks(backend).await;
    store(&backend, 1, &["x"]).await;
    let again = DeliveryEnding::RetryAt(NOW + 50, Reason::new("timeout", "no answer"));
    let first = lease(&backend, "a", 1, NOW).await;
    let event = first.1[0].ticket.event();
    assert_eq!(first.1[0].ticket.attempts(), 1);
    settle(&backend, "a", first, &again, NOW + 1).await.unwrap();
    assert_eq!(lease(&backend, "a", 2, NOW + 49).await.1.len(), 0);
    let second = lease(&backend, "a", 3, NOW + 50).await;
    assert_eq!(second.1[0].ticket.attempts(), 2);
    settle(&backend, "a", second, &DeliveryEnding::Sent, NOW + 60).await.unwrap();
    let steps = backend.storage.delivery_queue.steps(event).await.unwrap();
    let of_a: Vec<_> = steps
        .iter()
        .filter(|step| step.sink == "a")
        .map(|step| (step.state, step.attempt, step.at_ms, step.due_ms))
        .collect();
    assert_eq!(
        of_a,
        [
            (DeliveryState::Queued, 0, NOW, None),
            (DeliveryState::Retry, 1, NOW + 1, Some(NOW + 50)),
            (DeliveryState::Sent, 2, NOW + 60, None),
        ]
    );
    assert_eq!(steps[1].detail.as_deref(), Some("no answer"));
}

async fn a_paused_or_stopped_sink_gets_nothing_and_delays_no_other(backend: Backend) {
    let backend = two_sinks(backend).await;
    store(&backend, 1, &["x"]).await;
    assert!(backend.storage.delivery_queue.pause_sink("a".into(), true, NOW).await.unwrap());
    assert!(!backend.storage.delivery_queue.pause_sink("nobody".into(), true, NOW).await.unwrap());
    assert_eq!(lease(&backend, "a", 1, NOW).await.1.len(), 0);
    assert_eq!(lease(&backend, "b", 1, NOW).await.1.len(), 1);
    let backend = two_sinks(backend).await;
    assert_eq!(sink(&backend, "a").await.paused_ms, Some(NOW), "a pause survives a restart");
    assert!(backend.storage.delivery_queue.pause_sink("a".into(), false, NOW).await.unwrap());
    let (lease_of_a, leased) = lease(&backend, "a", 2, NOW).await;
    let deliveries = leased
        .iter()
        .map(|it| SettledDelivery {
            ticket: it.ticket,
            ending: DeliveryEnding::RetryAt(NOW, Reason::new("not_allowed", "401")),
        })
        .collect();
    let condition = Some(SinkCondition::Stopped(Reason::new("not_allowed", "401")));
    let settlement =
        Settlement { sink: "a".into(), lease: lease_of_a, deliveries, condition, now_ms: NOW };
    backend.storage.delivery_queue.settle(settlement).await.unwrap();
    assert_eq!(sink(&backend, "a").await.stopped.as_deref(), Some("not_allowed: 401"));
    assert_eq!(lease(&backend, "a", 3, NOW).await.1.len(), 0);
    assert!(backend.storage.delivery_queue.pause_sink("a".into(), false, NOW).await.unwrap());
    assert_eq!(lease(&backend, "a", 4, NOW).await.1.len(), 1);
}

async fn dead_letters_are_retried_by_event_by_reason_and_by_time(backend: Backend) {
    let backend = two_sinks(backend).await;
    store_of_one_page(&backend, 1, &["x", "y"]).await;
    store_of_one_page(&backend, 50, &["z"]).await;
    let all = lease(&backend, "a", 1, NOW).await;
    let first = all.1[0].ticket.event();
    settle(&backend, "a", all, &dead(), NOW).await.unwrap();
    let retry = |change: fn(&mut RetryAsk)| {
        let mut ask =
            RetryAsk { sink: Some("a".into()), now_ms: NOW, dry_run: true, ..RetryAsk::default() };
        change(&mut ask);
        backend.storage.delivery_queue.retry_dead(ask)
    };
    for (change, want) in [
        ((|_| {}) as fn(&mut RetryAsk), 3),
        (|ask| ask.reason = Some("refused".into()), 3),
        (|ask| ask.reason = Some("timeout".into()), 0),
        (|ask| ask.sink = Some("b".into()), 0),
        (|ask| ask.sink = None, 3),
        (|ask| ask.from_ms = Some(NOW + 2), 1),
        (|ask| ask.to_ms = Some(NOW + 2), 2),
    ] {
        assert_eq!(retry(change).await.unwrap().count, want);
    }
    assert_eq!(sink(&backend, "a").await.dead, 3, "a dry run changes nothing");
    let one = RetryAsk { event: Some(first), now_ms: NOW, ..RetryAsk::default() };
    assert_eq!(backend.storage.delivery_queue.retry_dead(one.clone()).await.unwrap().count, 1);
    assert_eq!(backend.storage.delivery_queue.retry_dead(one).await.unwrap().count, 0);
    let again = lease(&backend, "a", 2, NOW).await;
    assert_eq!((again.1.len(), again.1[0].ticket.attempts()), (1, 1));
    settle(&backend, "a", again, &dead(), NOW).await.unwrap();
    // Spread over 30 ms: the second of three is due after ten, the third after twenty.
    let spread =
        RetryAsk { sink: Some("a".into()), over_ms: 30, now_ms: NOW, ..RetryAsk::default() };
    assert_eq!(backend.storage.delivery_queue.retry_dead(spread).await.unwrap().count, 3);
    assert_eq!(lease(&backend, "a", 3, NOW + 9).await.1.len(), 1);
    assert_eq!(lease(&backend, "a", 4, NOW + 20).await.1.len(), 2);
    let steps = backend.storage.delivery_queue.steps(first).await.unwrap();
    let states: Vec<_> =
        steps.iter().filter(|step| step.sink == "a").map(|step| step.state.name()).collect();
    assert_eq!(states, ["queued", "dead", "queued", "dead", "queued"]);
}

async fn a_lease_takes_no_more_bytes_than_asked_but_at_least_one_delivery(backend: Backend) {
    let backend = two_sinks(backend).await;
    let large = |name: &str| {
        good_with(name, |it| {
            it.properties_json = Some(format!("{{\"x\":\"{}\"}}", "x".repeat(5_000)));
        })
    };
    let events = vec![
        (client_id("x"), large("x")),
        (client_id("y"), large("y")),
        (client_id("z"), large("z")),
    ];
    backend.storage.events.apply(shared([plan(1, events)]), NOW).await.unwrap();
    let ask = |bytes_max, token| DeliveryAsk {
        sink: "a".into(),
        token: LeaseToken(token),
        now_ms: NOW,
        lease_ms: 1_000,
        events_max: 100,
        bytes_max,
        order: DeliveryOrder::Shared,
    };
    assert_eq!(backend.storage.delivery_queue.lease(ask(10, 1)).await.unwrap().1.len(), 1);
    assert_eq!(backend.storage.delivery_queue.lease(ask(20_000, 2)).await.unwrap().1.len(), 2);
}

async fn a_restart_ends_leases_and_keeps_the_number_of_attempts(backend: Backend) {
    let backend = two_sinks(backend).await;
    store(&backend, 1, &["x"]).await;
    assert_eq!(lease(&backend, "a", 1, NOW).await.1.len(), 1);
    let backend = backend.reopened().await;
    let again = lease(&backend, "a", 2, NOW).await;
    assert_eq!((again.1.len(), again.1[0].ticket.attempts()), (1, 2), "the attempt counts");
}

async fn counts_always_add_up(backend: Backend) {
    let backend = two_sinks(backend).await;
    store(&backend, 1, &["1", "2", "3", "4", "5"]).await;
    let (held, leased) = lease(&backend, "a", 1, NOW).await;
    let reason = || Reason::new("r", "d");
    let endings = [
        DeliveryEnding::Sent,
        DeliveryEnding::RetryAt(NOW + 5, reason()),
        DeliveryEnding::Dead(reason()),
        DeliveryEnding::Dropped(reason()),
    ];
    let deliveries = leased
        .iter()
        .zip(endings)
        .map(|(it, ending)| SettledDelivery { ticket: it.ticket, ending })
        .collect();
    let settlement =
        Settlement { sink: "a".into(), lease: held, deliveries, condition: None, now_ms: NOW };
    backend.storage.delivery_queue.settle(settlement).await.unwrap();
    let row = sink(&backend, "a").await;
    assert_eq!((row.waiting, row.sent, row.dead, row.dropped), (2, 1, 1, 1));
}

async fn retries_alone_fill_a_lease(backend: Backend) {
    let backend = two_sinks(backend).await;
    store(&backend, 1, &["1", "2", "3", "4", "5", "6", "7", "8"]).await;
    let all = lease(&backend, "a", 1, NOW).await;
    let again = DeliveryEnding::RetryAt(NOW + 1, Reason::new("timeout", ""));
    settle(&backend, "a", all, &again, NOW).await.unwrap();
    let ask = DeliveryAsk {
        sink: "a".into(),
        token: LeaseToken(2),
        now_ms: NOW + 1,
        lease_ms: 1_000,
        events_max: 6,
        bytes_max: 1 << 20,
        order: DeliveryOrder::Shared,
    };
    assert_eq!(backend.storage.delivery_queue.lease(ask).await.unwrap().1.len(), 6);
}
