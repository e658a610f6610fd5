//! Payloads, plans and events for the laws.

use std::sync::Arc;

use lamplight_server::process::row_id;
use lamplight_server::store::LeaseToken;
use lamplight_server::store::{
    Encoding, EventColumns, EventIdentity, LeaseAsk, NewPayload, PayloadId, PayloadMetadata, Plan,
    PlannedEvent, PlannedOutcome, RefusedContent, WorkerSlot,
};
use lamplight_wire::batch::ProducerNote;
use lamplight_wire::event::Kind;
use lamplight_wire::reason::InvalidReason;
use lamplight_wire::{Producer, Ranges};
use uuid::Uuid;

/// The id of the payload with this number. Within a second of [`NOW`] it is the number alone; in
/// other weeks it begins with the time of receipt, as real ids do.
pub(crate) fn payload_at(received_ms: i64, number: u128) -> PayloadId {
    let is_near = (NOW..NOW + 1_000).contains(&received_ms);
    let ms = if is_near { 0 } else { u128::try_from(received_ms).unwrap() };
    PayloadId(Uuid::from_u128(ms << 80 | number))
}

/// The time at which the laws begin.
pub(crate) const NOW: i64 = 1_700_000_000_000;

/// The payload with this number.
pub(crate) fn payload(number: u128, body: &str) -> NewPayload {
    let metadata = PayloadMetadata {
        id: PayloadId(Uuid::from_u128(number)),
        received_ms: NOW,
        key_id: "wk_1".into(),
        source: "web".into(),
        encoding: Encoding::Identity,
        events: 2,
        unpacked_bytes: u32::try_from(body.len()).unwrap(),
        user_agent: Some("agent".into()),
        origin: None,
        client: Some("203.0.113.0/24".into()),
    };
    NewPayload { metadata, body: body.to_owned().into(), home: None }
}

/// A request for a lease of up to `payloads_max` payloads, for a minute.
pub(crate) fn ask(token: u128, now_ms: i64, payloads_max: u32) -> LeaseAsk {
    let token = LeaseToken(token);
    LeaseAsk {
        token,
        worker: WorkerSlot::ALONE,
        now_ms,
        lease_ms: 60_000,
        payloads_max,
        unpacked_bytes_max: 1 << 20,
    }
}

/// The producer with this number.
pub(crate) fn producer(number: u128) -> Producer {
    Producer::from_bits(number)
}

/// A plan for the payload with this number.
pub(crate) fn plan(number: u128, events: Vec<(EventIdentity, PlannedOutcome)>) -> Plan {
    plan_at(NOW + i64::try_from(number).unwrap(), number, events)
}

/// A plan for the payload with this number, received at this time.
pub(crate) fn plan_at(
    received_ms: i64,
    number: u128,
    events: Vec<(EventIdentity, PlannedOutcome)>,
) -> Plan {
    let payload = payload_at(received_ms, number);
    let events = (0..)
        .zip(events)
        .map(|(index, (identity, outcome))| PlannedEvent {
            id: row_id(payload, received_ms, index),
            index,
            identity,
            outcome,
        })
        .collect();
    Plan {
        payload,
        received_ms,
        created_day: 20_231_114,
        source: "web".into(),
        is_secret: false,
        attempt: 1,
        notes: Vec::new(),
        events,
    }
}

/// `plan`, with what a page declared about a producer.
pub(crate) fn declaring(
    mut plan: Plan,
    producer: Producer,
    next: u64,
    dropped: &[(&str, (u64, u64))],
) -> Plan {
    let dropped = dropped
        .iter()
        .map(|(reason, range)| ((*reason).to_owned(), Ranges::from_iter([*range])))
        .collect();
    plan.notes.push((producer, ProducerNote { next, dropped }));
    plan
}

/// An event that can be stored.
pub(crate) fn good(name: &str) -> PlannedOutcome {
    PlannedOutcome::Store(Box::new(EventColumns {
        kind: Kind::Default,
        name: name.to_owned(),
        ts_ms: Some(NOW - 5),
        time_ms: NOW,
        user_id: None,
        anonymous_id: None,
        session: None,
        properties_json: None,
        context_json: None,
        monitor_json: None,
        enrichment_json: None,
    }))
}

/// An event that can be stored, with some columns changed.
pub(crate) fn good_with(name: &str, change: impl FnOnce(&mut EventColumns)) -> PlannedOutcome {
    let PlannedOutcome::Store(mut columns) = good(name) else { unreachable!() };
    change(&mut columns);
    PlannedOutcome::Store(columns)
}

/// An event that cannot be stored.
pub(crate) fn bad() -> PlannedOutcome {
    let content = Box::new(RefusedContent::new([None, None, None, None], None, Some("{}")));
    PlannedOutcome::Refuse { reason: InvalidReason::NameMissing, detail: "no name".into(), content }
}

/// The identity of a producer's event with this number.
pub(crate) fn number(producer: u128, seq: u64) -> EventIdentity {
    EventIdentity::Numbered(Producer::from_bits(producer), seq)
}

/// The identity of an event with this client id.
pub(crate) fn client_id(id: &str) -> EventIdentity {
    EventIdentity::ClientId(id.to_owned())
}

/// Plans as `apply` and `reapply` take them.
pub(crate) fn shared(plans: impl IntoIterator<Item = Plan>) -> Vec<Arc<Plan>> {
    plans.into_iter().map(Arc::new).collect()
}
