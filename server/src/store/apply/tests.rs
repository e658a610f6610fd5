//! Laws of the rules, on a model of a database that keeps what the rules write.

mod model;

use std::collections::BTreeMap;
use std::sync::Arc;

use lamplight_wire::Producer;
use lamplight_wire::batch::ProducerNote;
use lamplight_wire::event::Kind;
use lamplight_wire::reason::InvalidReason;
use proptest::prelude::*;
use uuid::Uuid;

use crate::store::ledger::{Ledger, SHARED};
use crate::store::{
    Applied, DeliveryState, EventColumns, EventIdentity, Forgotten, PayloadId, Plan, PlannedEvent,
    PlannedOutcome, Route, RowId,
};
use model::Model;

/// What one event of a generated payload is.
type Event = (u8, u64, bool, u8);

fn event() -> impl Strategy<Value = Event> {
    (0_u8..4, 1_u64..9, prop::bool::weighted(0.8), 0_u8..4)
}

fn planned(index: usize, payload: u128, event: Event, is_fixed: bool) -> PlannedEvent {
    let (kind, number, is_good, extra) = event;
    let id = RowId(Uuid::from_u128(payload << 16 | index as u128));
    let identity = match kind {
        0 | 1 => EventIdentity::Numbered(Producer::from_bits(u128::from(kind) + 1), number),
        2 => EventIdentity::ClientId(format!("id{number}")),
        _ => EventIdentity::Anonymous,
    };
    let outcome = if is_good || is_fixed {
        PlannedOutcome::Store(Box::new(EventColumns {
            kind: if extra == 1 { Kind::Critical } else { Kind::Default },
            name: if extra == 0 { "identify".into() } else { "e".into() },
            ts_ms: None,
            time_ms: i64::try_from(number).unwrap(),
            user_id: (extra < 2).then(|| format!("u{}", number % 2)),
            anonymous_id: None,
            session: None,
            properties_json: Some(format!(r#"{{"n":{number}}}"#)),
            context_json: (extra == 3).then(|| r#"{"gpc":true}"#.to_owned()),
            monitor_json: None,
            enrichment_json: is_fixed.then(|| "{}".to_owned()),
        }))
    } else {
        let detail = "no name".to_owned();
        let content = Box::default();
        PlannedOutcome::Refuse { reason: InvalidReason::NameMissing, detail, content }
    };
    PlannedEvent { id, index: u32::try_from(index).unwrap(), identity, outcome }
}

/// The plans of payloads. In the fixed ones, as a later version would make them, every event can
/// be stored.
fn plans(payloads: &[Vec<Event>], is_fixed: bool) -> Vec<Arc<Plan>> {
    let plan = |(number, events): (usize, &Vec<Event>)| {
        let payload = number as u128 + 1;
        let note = ProducerNote {
            next: 6,
            dropped: vec![("quota".to_owned(), [(3, 4)].into_iter().collect())],
        };
        let events = events.iter().enumerate();
        Arc::new(Plan {
            payload: PayloadId(Uuid::from_u128(payload)),
            received_ms: i64::try_from(number).unwrap(),
            created_day: 1,
            source: ["web", "web", "app"][number % 3].into(),
            is_secret: number % 4 == 3,
            attempt: 1,
            notes: if number % 2 == 0 { vec![(Producer::from_bits(1), note)] } else { Vec::new() },
            events: events.map(|(at, event)| planned(at, payload, *event, is_fixed)).collect(),
        })
    };
    payloads.iter().enumerate().map(plan).collect()
}

/// The plan, as that of another payload.
fn renamed(plan: &Plan) -> Arc<Plan> {
    let far = |id: Uuid| Uuid::from_u128(id.as_u128() + (1 << 100));
    let mut plan = plan.clone();
    plan.payload = PayloadId(far(plan.payload.0));
    plan.events.iter_mut().for_each(|event| event.id = RowId(far(event.id.0)));
    Arc::new(plan)
}

fn routes() -> [Route; 2] {
    [vec![Kind::Default], vec![Kind::Default, Kind::Critical]].map(|types| Route {
        sink: "s".into(),
        kind: "file",
        types,
        only: Vec::new(),
        except: Vec::new(),
    })
}

fn payloads() -> impl Strategy<Value = Vec<Vec<Event>>> {
    prop::collection::vec(prop::collection::vec(event(), 0..6), 1..8)
}

proptest! {
    #[test]
    fn batches_of_any_size_decide_the_same(payloads in payloads(), size in 1_usize..8) {
        let (plans, routes) = (plans(&payloads, false), routes());
        let (mut whole, mut parts) = (Model::default(), Model::default());
        let at_once = whole.apply(&plans, &routes);
        let in_parts: Vec<_> =
            plans.chunks(size).flat_map(|part| parts.apply(part, &routes)).collect();
        prop_assert_eq!(at_once, in_parts);
        whole.check();
        prop_assert_eq!(whole, parts);
    }

    #[test]
    fn applying_again_changes_nothing(payloads in payloads()) {
        let (plans, routes) = (plans(&payloads, false), routes());
        let mut model = Model::default();
        model.apply(&plans, &routes);
        let before = model.clone();
        let twice = [plans.clone(), plans].concat();
        prop_assert!(model.apply(&twice, &routes).iter().all(|applied| applied.already));
        prop_assert_eq!(model, before);
    }

    #[test]
    fn an_id_has_a_row_if_any_of_its_arrivals_can_be_stored_and_never_two(
        payloads in payloads(),
        size in 1_usize..8,
        is_replayed: bool,
    ) {
        let (first, fixed) = (plans(&payloads, false), plans(&payloads, true));
        let mut model = Model::default();
        for part in first.chunks(size) {
            model.apply(part, &routes());
        }
        if is_replayed {
            model.replay(&fixed, &routes());
        }
        let mut rows: BTreeMap<(&str, bool, &str), (bool, usize)> = BTreeMap::new();
        let events = first.iter().flat_map(|plan| plan.events.iter().map(move |it| (plan, it)));
        for (plan, event) in events {
            if let EventIdentity::ClientId(id) = &event.identity {
                let key = (plan.source.as_str(), plan.is_secret, id.as_str());
                let (is_good, count) = rows.entry(key).or_default();
                *is_good |= is_replayed || event.columns().is_some();
                *count += usize::from(model.rows.contains_key(&event.id));
            }
        }
        for (id, (is_good, count)) in rows {
            prop_assert_eq!(count, usize::from(is_good), "{:?}", id);
        }
    }

    #[test]
    fn a_source_decides_as_if_it_were_the_only_one(payloads in payloads(), size in 1_usize..8) {
        let (plans, routes) = (plans(&payloads, false), routes());
        let mut together = Model::default();
        let results: Vec<Applied> =
            plans.chunks(size).flat_map(|part| together.apply(part, &routes)).collect();
        for source in ["web", "app"] {
            let is_of = |plan: &&Arc<Plan>| plan.source == source;
            let own: Vec<Arc<Plan>> = plans.iter().filter(is_of).cloned().collect();
            let mut alone = Model::default();
            let want = alone.apply(&own, &routes);
            let both = plans.iter().zip(&results).filter(|(plan, _)| is_of(plan));
            prop_assert_eq!(both.map(|(_, it)| *it).collect::<Vec<_>>(), want);
            let ledgers = together.ledgers.iter().filter(|((scope, _), _)| scope == source);
            prop_assert!(ledgers.eq(alone.ledgers.iter()));
        }
    }

    #[test]
    fn ids_of_one_kind_of_key_count_as_if_there_were_no_other(payloads in payloads()) {
        // Only ids that clients chose.
        let ids = |events: &Vec<Event>| events.iter().map(|it| (2, it.1, it.2, it.3)).collect();
        let plans = plans(&payloads.iter().map(ids).collect::<Vec<_>>(), false);
        let results = Model::default().apply(&plans, &routes());
        for is_secret in [false, true] {
            let is_of = |plan: &&Arc<Plan>| plan.is_secret == is_secret;
            let own: Vec<Arc<Plan>> = plans.iter().filter(is_of).cloned().collect();
            let want = Model::default().apply(&own, &routes());
            let both = plans.iter().zip(&results).filter(|(plan, _)| is_of(plan));
            prop_assert_eq!(both.map(|(_, it)| *it).collect::<Vec<_>>(), want);
        }
    }

    #[test]
    fn a_forgotten_source_counts_what_arrived_and_knows_it_again(
        payloads in payloads(),
        size in 1_usize..8,
    ) {
        let (plans, routes) = (plans(&payloads, false), routes());
        let mut model = Model::default();
        for part in plans.chunks(size) {
            model.apply(part, &routes);
        }
        let rows = model.rows.len();
        let before = model.sources.clone();
        let forgotten = model.forget("web");
        model.check();
        let web = before.get("web").copied().unwrap_or_default();
        prop_assert_eq!(forgotten.declared.cast_signed(), web.declared);
        prop_assert_eq!(forgotten.missing.cast_signed(), web.missing);
        prop_assert_eq!(model.forget("web"), Forgotten::default(), "there is nothing left to forget");
        // The same events in other payloads.
        let again: Vec<Arc<Plan>> = plans.iter().map(|plan| renamed(plan)).collect();
        model.apply(&again, &routes);
        model.check();
        let anonymous = again.iter().flat_map(|plan| &plan.events).filter(|event| {
            event.identity == EventIdentity::Anonymous && event.columns().is_some()
        });
        prop_assert_eq!(model.rows.len(), rows + anonymous.count(), "no event has two rows");
    }

    #[test]
    fn an_event_has_one_row_and_one_delivery_for_each_sink_however_often_it_is_replayed(
        payloads in payloads(),
        size in 1_usize..8,
    ) {
        let routes = routes();
        let (first, fixed) = (plans(&payloads, false), plans(&payloads, true));
        let mut model = Model::default();
        model.apply(&first, &routes);
        let (rows, ledgers) = (model.rows.len() as u64, model.ledgers.clone());
        let mut accepted = 0;
        for part in fixed.chunks(size) {
            accepted += model.replay(part, &routes).accepted;
        }
        prop_assert_eq!(model.rows.len() as u64, rows + accepted);
        prop_assert_eq!(&model.ledgers, &ledgers, "no arrival is new");
        model.check();
        let before = model.clone();
        let again = model.replay(&fixed, &routes);
        prop_assert_eq!((again.restored, again.accepted), (0, 0));
        prop_assert_eq!(&model, &before);
        // Rows that are deleted by hand come back, and owe nothing again.
        let deliveries = model.deliveries.clone();
        let gone: Vec<RowId> = model.rows.keys().copied().step_by(2).collect();
        for id in &gone {
            model.rows.remove(id);
        }
        prop_assert_eq!(model.replay(&fixed, &routes).restored, gone.len() as u64);
        prop_assert_eq!(model.rows.len(), before.rows.len());
        prop_assert_eq!(model.deliveries, deliveries);
    }
}

#[test]
fn a_user_who_opted_out_of_sharing_is_delivered_to_no_sink() {
    let mut model = Model::default();
    model.apply(&plans(&[vec![(3, 1, true, 3), (3, 1, true, 2)]], false), &routes());
    let states: Vec<DeliveryState> = model.deliveries.values().copied().collect();
    let (dropped, queued) = (DeliveryState::Dropped, DeliveryState::Queued);
    assert_eq!(states, [dropped, dropped, queued, queued]);
}

#[test]
fn a_ledger_of_an_earlier_version_decides_for_every_source() {
    let mut model = Model::default();
    let mut ledger = Ledger::new("web", 1);
    ledger.is_shared = true;
    assert_eq!(ledger.arrive(1), crate::store::ledger::Arrival::First);
    model.ledgers.insert((SHARED.to_owned(), 1), ledger);
    let numbers = |seq: u64| vec![(0, seq, true, 2)];
    // The third payload is that of another source.
    let plans = plans(&[numbers(2), numbers(1), numbers(2), numbers(3)], false);
    let stored: Vec<u64> = model.apply(&plans, &routes()).iter().map(|it| it.stored).collect();
    assert_eq!(stored, [1, 0, 0, 1]);
    assert_eq!(model.ledgers.len(), 1);
    assert_eq!(model.ledgers[&(SHARED.to_owned(), 1)].received.as_slice(), [(1, 3)]);
}

#[test]
fn a_refused_arrival_is_not_accepted_once_another_arrival_has_its_id() {
    let mut model = Model::default();
    let (refused, stored) = ((2, 1, false, 2), (2, 1, true, 2));
    let payloads = [vec![refused], vec![stored]];
    let (first, fixed) = (plans(&payloads, false), plans(&payloads, true));
    model.apply(&first[..1], &routes());
    // Retention has pruned the id.
    model.client_ids.clear();
    model.apply(&first[1..], &routes());
    assert_eq!(model.replay(&fixed, &routes()).accepted, 0);
    assert_eq!(model.rows.len(), 1);
}
