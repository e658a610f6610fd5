//! The laws of deliveries that fail: what is remembered, and what is leased next.

use lamplight_server::store::{
    DeliveryAsk, DeliveryEnding, DeliveryFailures, DeliveryOrder, DeliveryState, LOG_STEPS_MAX,
    Lease, LeaseToken, LeasedDelivery, Reason, SettledDelivery, Settlement, SinkCondition,
};

use super::delivery_laws::{lease, names, store, two_sinks};
use crate::store::backend::Backend;
use crate::store::sample::NOW;

crate::laws!(
    failures_are_kept_through_a_restart_and_forgotten_by_a_retried_dead_letter,
    a_delivery_that_fails_by_itself_is_leased_alone,
    a_probe_can_ask_for_deliveries_that_were_never_tried,
    resuming_a_sink_forgets_since_when_deliveries_fail,
    a_restart_after_a_stop_forgets_since_when_deliveries_fail,
    a_long_row_of_failed_attempts_is_one_step_of_the_log,
);

async fn ask(
    backend: &Backend,
    order: DeliveryOrder,
    events_max: u32,
    now_ms: i64,
) -> (Lease, Vec<LeasedDelivery>) {
    let ask = DeliveryAsk {
        sink: "a".into(),
        token: LeaseToken(u128::from(now_ms.unsigned_abs())),
        now_ms,
        lease_ms: 1,
        events_max,
        bytes_max: 1 << 20,
        order,
    };
    backend.storage.delivery_queue.lease(ask).await.unwrap()
}

/// Settles what was leased, to be retried at `due_ms`. `failures` are those of the event's name.
async fn fail(
    backend: &Backend,
    (lease, leased): (Lease, Vec<LeasedDelivery>),
    due_ms: i64,
    failures: impl Fn(&str) -> DeliveryFailures,
    condition: Option<SinkCondition>,
) {
    let settled = |it: &LeasedDelivery| SettledDelivery {
        ticket: it.ticket.with_failures(failures(&it.row.as_ref().unwrap().name)),
        ending: DeliveryEnding::RetryAt(due_ms, Reason::new("timeout", "no answer")),
    };
    let deliveries = leased.iter().map(settled).collect();
    let now_ms = lease.until_ms - 1;
    let settlement = Settlement { sink: "a".into(), lease, deliveries, condition, now_ms };
    backend.storage.delivery_queue.settle(settlement).await.unwrap();
}

fn own(own: u32) -> DeliveryFailures {
    DeliveryFailures { first_ms: Some(NOW), alone_ms: Some(NOW + 3), own }
}

async fn failures_are_kept_through_a_restart_and_forgotten_by_a_retried_dead_letter(
    backend: Backend,
) {
    let backend = two_sinks(backend).await;
    store(&backend, 1, &["x"]).await;
    let first = ask(&backend, DeliveryOrder::Shared, 9, NOW).await;
    assert_eq!(first.1[0].ticket.failures(), DeliveryFailures::default());
    fail(&backend, first, NOW + 1, |_| own(2), None).await;
    let backend = two_sinks(backend).await;
    let (held, leased) = ask(&backend, DeliveryOrder::Shared, 9, NOW + 1).await;
    assert_eq!(leased[0].ticket.failures(), own(2));
    let ending = DeliveryEnding::Dead(Reason::new("timeout", ""));
    let deliveries = vec![SettledDelivery { ticket: leased[0].ticket, ending }];
    let (sink, condition, now_ms) = ("a".into(), None, NOW + 1);
    let settlement = Settlement { sink, lease: held, deliveries, condition, now_ms };
    backend.storage.delivery_queue.settle(settlement).await.unwrap();
    let retry = lamplight_server::store::RetryAsk { now_ms: NOW + 2, ..Default::default() };
    assert_eq!(backend.storage.delivery_queue.retry_dead(retry).await.unwrap().count, 1);
    let (_, leased) = ask(&backend, DeliveryOrder::Shared, 9, NOW + 2).await;
    assert_eq!(leased[0].ticket.failures(), DeliveryFailures::default());
}

async fn a_delivery_that_fails_by_itself_is_leased_alone(backend: Backend) {
    let backend = two_sinks(backend).await;
    store(&backend, 1, &["bad", "x", "worse", "y"]).await;
    let all = ask(&backend, DeliveryOrder::Shared, 9, NOW).await;
    let failures = |name: &str| own(u32::from(name == "bad" || name == "worse"));
    fail(&backend, all, NOW + 1, failures, None).await;
    store(&backend, 2, &["fresh"]).await;
    let next = ask(&backend, DeliveryOrder::Shared, 9, NOW + 5).await;
    assert_eq!(names(&next.1), ["x", "y", "fresh"], "others are not delayed");
    let turn = ask(&backend, DeliveryOrder::IsolatedFirst, 9, NOW + 5).await;
    assert_eq!(names(&turn.1), ["bad"]);
    let alone = ask(&backend, DeliveryOrder::Shared, 9, NOW + 5).await;
    assert_eq!(names(&alone.1), ["worse"], "alone even if nothing else is due");
    assert_eq!(names(&ask(&backend, DeliveryOrder::IsolatedFirst, 9, NOW + 5).await.1), [""; 0]);
}

async fn a_probe_can_ask_for_deliveries_that_were_never_tried(backend: Backend) {
    let backend = two_sinks(backend).await;
    store(&backend, 1, &["old"]).await;
    let old = ask(&backend, DeliveryOrder::Shared, 9, NOW).await;
    fail(&backend, old, NOW + 1, |_| own(0), None).await;
    store(&backend, 2, &["new"]).await;
    let probe = ask(&backend, DeliveryOrder::FreshFirst, 1, NOW + 5).await;
    assert_eq!(names(&probe.1), ["new"]);
    let none = ask(&backend, DeliveryOrder::FreshFirst, 1, NOW + 5).await;
    assert_eq!(names(&none.1), ["old"], "what failed before is tried if nothing is new");
}

async fn resuming_a_sink_forgets_since_when_deliveries_fail(backend: Backend) {
    let backend = two_sinks(backend).await;
    store(&backend, 1, &["x"]).await;
    let first = ask(&backend, DeliveryOrder::Shared, 9, NOW).await;
    fail(&backend, first, NOW + 1, |_| own(1), None).await;
    for pause in [true, false] {
        backend.storage.delivery_queue.pause_sink("a".into(), pause, NOW + 2).await.unwrap();
    }
    let (_, leased) = ask(&backend, DeliveryOrder::Shared, 9, NOW + 5).await;
    assert_eq!(leased[0].ticket.failures(), DeliveryFailures { first_ms: None, ..own(1) });
}

async fn a_restart_after_a_stop_forgets_since_when_deliveries_fail(backend: Backend) {
    let mut backend = two_sinks(backend).await;
    store(&backend, 1, &["x"]).await;
    let first = ask(&backend, DeliveryOrder::Shared, 9, NOW).await;
    fail(&backend, first, NOW + 1, |_| own(0), None).await;
    backend = two_sinks(backend).await;
    let second = ask(&backend, DeliveryOrder::Shared, 9, NOW + 1).await;
    assert_eq!(second.1[0].ticket.failures(), own(0), "a restart alone forgets nothing");
    let stopped = SinkCondition::Stopped(Reason::new("not_allowed", "401"));
    fail(&backend, second, NOW + 2, |_| own(0), Some(stopped)).await;
    backend = two_sinks(backend).await;
    let (_, leased) = ask(&backend, DeliveryOrder::Shared, 9, NOW + 2).await;
    assert_eq!(leased[0].ticket.failures().first_ms, None);
}

async fn a_long_row_of_failed_attempts_is_one_step_of_the_log(backend: Backend) {
    let backend = two_sinks(backend).await;
    store(&backend, 1, &["x"]).await;
    let event = lease(&backend, "a", 1, NOW).await.1[0].ticket.event();
    let mut now_ms = NOW + 2_000;
    for _ in 0..LOG_STEPS_MAX + 30 {
        let leased = ask(&backend, DeliveryOrder::Shared, 9, now_ms).await;
        fail(&backend, leased, now_ms + 5, |_| own(0), None).await;
        now_ms += 10;
    }
    let of_a = || async {
        let steps = backend.storage.delivery_queue.steps(event).await.unwrap();
        steps.into_iter().filter(|step| step.sink == "a").collect::<Vec<_>>()
    };
    let steps = of_a().await;
    assert_eq!(steps.len(), LOG_STEPS_MAX as usize);
    let last = steps.last().unwrap();
    // The first lease was not settled, and counts as an attempt.
    assert_eq!((last.state, last.attempt), (DeliveryState::Retry, LOG_STEPS_MAX + 31));
    assert_eq!((last.at_ms, last.due_ms), (now_ms - 10, Some(now_ms - 5)));
    assert_eq!(steps[1].attempt, 2, "the first attempts are kept");
    let (held, leased) = ask(&backend, DeliveryOrder::Shared, 9, now_ms).await;
    let deliveries =
        vec![SettledDelivery { ticket: leased[0].ticket, ending: DeliveryEnding::Sent }];
    let settlement =
        Settlement { sink: "a".into(), lease: held, deliveries, condition: None, now_ms };
    backend.storage.delivery_queue.settle(settlement).await.unwrap();
    let states: Vec<_> = of_a().await.iter().map(|step| step.state).collect();
    assert_eq!(states.len(), LOG_STEPS_MAX as usize + 1);
    assert_eq!(states.last(), Some(&DeliveryState::Sent));
}
