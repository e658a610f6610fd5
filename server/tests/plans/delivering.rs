//! Calls every method of the delivery queue once.

use lamplight_server::store::LeaseToken;
use lamplight_server::store::{
    BackfillAsk, DeliveryAsk, DeliveryEnding, DeliveryOrder, EventFilter, EventQuery, Reason,
    RetryAsk, Route, SettledDelivery, Settlement, SinkCondition, Storage,
};
use lamplight_wire::event::Kind;

pub(crate) fn routes() -> Vec<Route> {
    let (only, except) = (Vec::new(), Vec::new());
    let types = vec![Kind::Default, Kind::Critical];
    vec![Route { sink: "a".into(), kind: "file", types, only, except }]
}

pub(crate) async fn deliver(storage: &Storage, now_ms: i64) {
    let ask = DeliveryAsk {
        sink: "a".into(),
        token: LeaseToken(1),
        now_ms,
        lease_ms: 1_000,
        events_max: 10,
        bytes_max: 1 << 20,
        order: DeliveryOrder::Shared,
    };
    let (lease, leased) = storage.delivery_queue.lease(ask).await.unwrap();
    let reason = || Reason::new("refused", "");
    let endings = [DeliveryEnding::Dead(reason()), DeliveryEnding::RetryAt(now_ms, reason())];
    let deliveries = leased
        .iter()
        .zip(endings)
        .map(|(it, ending)| SettledDelivery { ticket: it.ticket, ending })
        .collect();
    let condition = Some(SinkCondition::Up);
    let settlement = Settlement { sink: "a".into(), lease, deliveries, condition, now_ms };
    storage.delivery_queue.settle(settlement).await.unwrap();
    storage.delivery_queue.pause_sink("a".into(), true, now_ms).await.unwrap();
    storage.delivery_queue.pause_sink("a".into(), false, now_ms).await.unwrap();
    storage.delivery_queue.sinks().await.unwrap();
    let event = leased[0].ticket.event();
    storage.delivery_queue.steps(event).await.unwrap();
    let query = EventQuery { filter: EventFilter::default(), after: None, limit: 10 };
    let events = storage.reader.events(query).await.unwrap().events;
    for dry_run in [true, false] {
        let ask = BackfillAsk { sink: "a".into(), events: events.clone(), now_ms, dry_run };
        storage.delivery_queue.backfill(ask).await.unwrap();
    }
    let all = RetryAsk { sink: Some("a".into()), now_ms, dry_run: true, ..RetryAsk::default() };
    for ask in [
        all.clone(),
        RetryAsk { sink: None, event: Some(event), ..all.clone() },
        RetryAsk { reason: Some("refused".into()), ..all.clone() },
        RetryAsk { from_ms: Some(now_ms), to_ms: Some(now_ms), ..all.clone() },
        RetryAsk { dry_run: false, ..all },
    ] {
        storage.delivery_queue.retry_dead(ask).await.unwrap();
    }
}
