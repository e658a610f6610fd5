//! The laws of sinks: how they are listed, and when their lanes are woken.

use lamplight_server::store::{
    DeliveryAsk, DeliveryOrder, EventIdentity, LeaseToken, Reason, Route, Settlement,
    SinkCondition, SinkRow, Storage,
};
use lamplight_wire::event::Kind;

use crate::store::backend::Backend;
use crate::store::sample::{NOW, good, plan, shared};

crate::laws!(
    sinks_are_listed_by_name_with_their_kind,
    a_sink_without_a_route_keeps_what_it_is_owed_and_gets_no_more,
    a_sink_is_listed_with_the_age_of_its_oldest_delivery,
    a_sink_that_rests_says_until_when_and_why,
    a_restart_ends_a_rest_and_a_stop,
    queued_deliveries_are_announced,
);

fn route(sink: &str, kind: &'static str) -> Route {
    let (types, only, except) = (vec![Kind::Default], Vec::new(), Vec::new());
    Route { sink: sink.into(), kind, types, only, except }
}

async fn store(storage: &Storage, number: u128, now_ms: i64) {
    let plans = shared([plan(number, vec![(EventIdentity::Anonymous, good("a"))])]);
    storage.events.apply(plans, now_ms).await.unwrap();
}

async fn sink(storage: &Storage, name: &str) -> SinkRow {
    let sinks = storage.delivery_queue.sinks().await.unwrap();
    sinks.into_iter().find(|sink| sink.name == name).unwrap()
}

/// Settles nothing, and records what the sink can do.
async fn set_condition(storage: &Storage, condition: SinkCondition) {
    let ask = DeliveryAsk {
        sink: "a".into(),
        token: LeaseToken(1),
        now_ms: NOW,
        lease_ms: 1_000,
        events_max: 1,
        bytes_max: 1,
        order: DeliveryOrder::Shared,
    };
    let (lease, _) = storage.delivery_queue.lease(ask).await.unwrap();
    let (deliveries, condition) = (Vec::new(), Some(condition));
    let settlement = Settlement { sink: "a".into(), lease, deliveries, condition, now_ms: NOW };
    storage.delivery_queue.settle(settlement).await.unwrap();
}

async fn sinks_are_listed_by_name_with_their_kind(backend: Backend) {
    assert_eq!(backend.storage.delivery_queue.sinks().await.unwrap(), []);
    let routes = vec![route("b", "file"), route("c", "webhook"), route("a", "file")];
    let backend = backend.reopened_with(routes).await;
    let sinks = backend.storage.delivery_queue.sinks().await.unwrap();
    let listed: Vec<_> = sinks.iter().map(|it| (it.name.as_str(), it.kind.as_str())).collect();
    assert_eq!(listed, [("a", "file"), ("b", "file"), ("c", "webhook")]);
    assert!(sinks.iter().all(|sink| sink.is_configured && sink.waiting == 0));
    let backend = backend.reopened_with(vec![route("a", "mixpanel")]).await;
    assert_eq!(sink(&backend.storage, "a").await.kind, "mixpanel");
}

async fn a_sink_without_a_route_keeps_what_it_is_owed_and_gets_no_more(backend: Backend) {
    let backend = backend.reopened_with(vec![route("a", "file"), route("b", "file")]).await;
    store(&backend.storage, 1, NOW).await;
    let backend = backend.reopened_with(vec![route("b", "file")]).await;
    store(&backend.storage, 2, NOW).await;
    let (without, with) = (sink(&backend.storage, "a").await, sink(&backend.storage, "b").await);
    assert_eq!((without.is_configured, without.waiting), (false, 1));
    assert_eq!((with.is_configured, with.waiting), (true, 2));
    let backend = backend.reopened_with(vec![route("a", "file")]).await;
    let row = sink(&backend.storage, "a").await;
    assert_eq!((row.is_configured, row.waiting), (true, 1));
}

async fn a_sink_is_listed_with_the_age_of_its_oldest_delivery(backend: Backend) {
    let backend = backend.reopened_with(vec![route("a", "file")]).await;
    assert_eq!(sink(&backend.storage, "a").await.oldest_ms, None);
    store(&backend.storage, 1, NOW + 5).await;
    store(&backend.storage, 2, NOW + 9).await;
    let row = sink(&backend.storage, "a").await;
    assert_eq!((row.oldest_ms, row.waiting, row.failing), (Some(NOW + 5), 2, 0));
}

async fn a_sink_that_rests_says_until_when_and_why(backend: Backend) {
    let backend = backend.reopened_with(vec![route("a", "file")]).await;
    let storage = &backend.storage;
    let reason = || Reason::new("timeout", "no answer");
    set_condition(storage, SinkCondition::Resting(NOW + 50, reason())).await;
    let rests = Some((NOW + 50, "timeout: no answer".to_owned()));
    assert_eq!(sink(storage, "a").await.rests, rests);
    set_condition(storage, SinkCondition::Up).await;
    assert_eq!(sink(storage, "a").await.rests, None);
    set_condition(storage, SinkCondition::Resting(NOW + 50, reason())).await;
    set_condition(storage, SinkCondition::Stopped(reason())).await;
    let row = sink(storage, "a").await;
    assert_eq!((row.rests, row.stopped.as_deref()), (None, Some("timeout: no answer")));
}

async fn a_restart_ends_a_rest_and_a_stop(backend: Backend) {
    let reason = || Reason::new("timeout", "no answer");
    let mut backend = backend.reopened_with(vec![route("a", "file")]).await;
    for condition in [SinkCondition::Resting(NOW + 50, reason()), SinkCondition::Stopped(reason())]
    {
        set_condition(&backend.storage, condition).await;
        backend = backend.reopened_with(vec![route("a", "file")]).await;
        let row = sink(&backend.storage, "a").await;
        assert_eq!((row.rests, row.stopped), (None, None));
    }
}

async fn queued_deliveries_are_announced(backend: Backend) {
    let backend = backend.reopened_with(vec![route("a", "file")]).await;
    let mut queued = backend.storage.delivery_queue.queued();
    assert!(!queued.has_changed().unwrap());
    store(&backend.storage, 1, NOW).await;
    assert!(queued.has_changed().unwrap());
    queued.mark_unchanged();
    let resumed = backend.storage.delivery_queue.pause_sink("a".into(), false, NOW).await;
    assert!(resumed.unwrap() && queued.has_changed().unwrap(), "a resumed sink has work");
}
