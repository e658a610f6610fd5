//! The laws of backfills: a sink is owed past events, each once.

use lamplight_server::store::{
    BackfillAsk, BackfillCount, DeliveryAsk, DeliveryEnding, DeliveryOrder, DeliveryState,
    EventFilter, EventQuery, EventRow, LeaseToken, Reason, Route,
};
use lamplight_wire::event::Kind;

use super::delivery_laws::{lease, names, settle, sink, store, two_sinks};
use crate::store::backend::Backend;
use crate::store::sample::{NOW, client_id, good, good_with, plan, shared};

crate::laws!(
    a_sink_that_was_added_later_gets_past_events_once,
    a_delivery_that_ended_is_not_made_again_by_a_backfill,
    a_backfill_keeps_to_the_route_and_to_privacy,
    a_dry_run_of_a_backfill_counts_and_changes_nothing,
    past_events_leave_most_of_a_lease_to_new_ones,
    a_backfill_of_an_unknown_sink_is_none,
);

async fn events(backend: &Backend) -> Vec<EventRow> {
    let query = EventQuery { filter: EventFilter::default(), after: None, limit: 500 };
    backend.storage.reader.events(query).await.unwrap().events
}

async fn backfill(backend: &Backend, sink: &str, dry_run: bool) -> Option<BackfillCount> {
    let events = events(backend).await;
    let ask = BackfillAsk { sink: sink.into(), events, now_ms: NOW, dry_run };
    backend.storage.delivery_queue.backfill(ask).await.unwrap()
}

#[allow(clippy::unnecessary_wraps, reason = "it is compared with what a backfill returns")]
fn count(queued: u64, known: u64, unwanted: u64, private: u64) -> Option<BackfillCount> {
    Some(BackfillCount { queued, known, unwanted, private })
}

async fn a_sink_that_was_added_later_gets_past_events_once(backend: Backend) {
    store(&backend, 1, &["x", "y"]).await;
    let backend = two_sinks(backend).await;
    store(&backend, 2, &["z"]).await;
    assert_eq!(backfill(&backend, "a", false).await, count(2, 1, 0, 0));
    assert_eq!(backfill(&backend, "a", false).await, count(0, 3, 0, 0));
    let backend = two_sinks(backend).await;
    assert_eq!(backfill(&backend, "a", false).await, count(0, 3, 0, 0));
    assert_eq!(sink(&backend, "a").await.waiting, 3);
    let leased = lease(&backend, "a", 1, NOW).await;
    let mut found = names(&leased.1);
    found.sort_unstable();
    assert_eq!(found, ["x", "y", "z"]);
    let event = leased.1.iter().find(|it| it.row.as_ref().unwrap().name == "x").unwrap();
    let steps = backend.storage.delivery_queue.steps(event.ticket.event()).await.unwrap();
    assert_eq!((steps.len(), steps[0].reason.as_deref()), (1, Some("backfill")));
    assert_eq!(steps[0].due_ms, Some(NOW));
}

async fn a_delivery_that_ended_is_not_made_again_by_a_backfill(backend: Backend) {
    let backend = two_sinks(backend).await;
    let reason = || Reason::new("refused", "no");
    let endings = [
        DeliveryEnding::Sent,
        DeliveryEnding::Dead(reason()),
        DeliveryEnding::Dropped(reason()),
        DeliveryEnding::RetryAt(NOW + 900, reason()),
    ];
    for (number, ending) in (1..).zip(endings) {
        store(&backend, number, &[&format!("event {number}")]).await;
        let leased = lease(&backend, "a", number, NOW).await;
        settle(&backend, "a", leased, &ending, NOW).await.unwrap();
    }
    assert_eq!(backfill(&backend, "a", false).await, count(0, 4, 0, 0));
    assert_eq!(lease(&backend, "a", 9, NOW).await.1.len(), 0);
}

async fn a_backfill_keeps_to_the_route_and_to_privacy(backend: Backend) {
    let critical = good_with("critical", |it| it.kind = Kind::Critical);
    let private = good_with("private", |it| it.context_json = Some(r#"{"gpc":true}"#.into()));
    let given = vec![
        (client_id("x"), good("x")),
        (client_id("c"), critical),
        (client_id("p"), private),
        (client_id("n"), good("not this")),
    ];
    backend.storage.events.apply(shared([plan(1, given)]), NOW).await.unwrap();
    let except = vec![lamplight_server::store::NamePattern::new("not*")];
    let types = vec![Kind::Default];
    let route = Route { sink: "a".into(), kind: "file", types, only: Vec::new(), except };
    let backend = backend.reopened_with(vec![route]).await;
    assert_eq!(backfill(&backend, "a", true).await, count(1, 0, 2, 1));
    assert_eq!(backfill(&backend, "a", false).await, count(1, 0, 2, 1));
    assert_eq!(names(&lease(&backend, "a", 1, NOW).await.1), ["x"]);
    let row = sink(&backend, "a").await;
    assert_eq!((row.waiting, row.dropped), (1, 1));
    let private = events(&backend).await.into_iter().find(|it| it.name == "private").unwrap();
    let steps = backend.storage.delivery_queue.steps(private.id).await.unwrap();
    assert_eq!((steps[0].state, steps[0].reason.as_deref()), (DeliveryState::Dropped, Some("gpc")));
}

async fn a_dry_run_of_a_backfill_counts_and_changes_nothing(backend: Backend) {
    store(&backend, 1, &["x", "y"]).await;
    let backend = two_sinks(backend).await;
    store(&backend, 2, &["z"]).await;
    for _ in 0..2 {
        assert_eq!(backfill(&backend, "a", true).await, count(2, 1, 0, 0));
    }
    assert_eq!(sink(&backend, "a").await.waiting, 1);
}

async fn past_events_leave_most_of_a_lease_to_new_ones(backend: Backend) {
    store(&backend, 1, &["1", "2", "3", "4", "5", "6", "7", "8", "9"]).await;
    let backend = two_sinks(backend).await;
    assert_eq!(backfill(&backend, "a", false).await, count(9, 0, 0, 0));
    store(&backend, 2, &["a", "b", "c", "d", "e", "f", "g", "h"]).await;
    let ask = DeliveryAsk {
        sink: "a".into(),
        token: LeaseToken(1),
        now_ms: NOW,
        lease_ms: 1_000,
        events_max: 8,
        bytes_max: 1 << 20,
        order: DeliveryOrder::Shared,
    };
    let (_, leased) = backend.storage.delivery_queue.lease(ask).await.unwrap();
    let new = names(&leased).iter().filter(|name| name.chars().all(char::is_alphabetic)).count();
    assert_eq!((new, leased.len()), (6, 8));
}

async fn a_backfill_of_an_unknown_sink_is_none(backend: Backend) {
    store(&backend, 1, &["x"]).await;
    let backend = two_sinks(backend).await;
    assert_eq!(backfill(&backend, "nobody", false).await, None);
    let backend = backend.reopened_with(Vec::new()).await;
    assert_eq!(backfill(&backend, "a", false).await, None, "it is no longer configured");
}
