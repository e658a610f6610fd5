//! The events of a simulation, and how each must end.

use std::sync::Arc;

use lamplight_server::process::row_id;
use lamplight_server::store::{
    EventColumns, EventIdentity, PayloadId, Plan, PlannedEvent, PlannedOutcome, Route, RowId,
};
use lamplight_wire::Producer;
use lamplight_wire::event::Kind;
use lamplight_wire::reason::InvalidReason;
use uuid::Uuid;

/// The sinks: an API that accepts or refuses single events, one that accepts or refuses whole
/// requests, one that is down until the end, and one that does not recognize a repeated event.
pub(crate) const SINKS: [&str; 4] = [MIXPANEL, WEBHOOK, DEAD, METRICS];
pub(crate) const MIXPANEL: &str = "mixpanel";
pub(crate) const WEBHOOK: &str = "webhook";
pub(crate) const DEAD: &str = "dead";
pub(crate) const METRICS: &str = "metrics";

/// How an event must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventCase {
    /// Every receiver accepts it.
    Plain,
    /// No receiver ever accepts it.
    Broken,
    /// Its user does not consent to sharing it.
    Private,
    /// It is invalid when it first arrives, and a replay can store it.
    Later,
    /// It is for the sink of metrics only.
    Metric,
}

impl EventCase {
    pub(crate) const ALL: [Self; 8] = [
        Self::Plain,
        Self::Plain,
        Self::Plain,
        Self::Broken,
        Self::Private,
        Self::Later,
        Self::Metric,
        Self::Metric,
    ];

    /// Whether it may be sent to that sink.
    pub(crate) fn is_for(self, sink: &str) -> bool {
        self.is_routed(sink) && self != Self::Private
    }

    /// Whether that sink has a delivery of it.
    pub(crate) fn is_routed(self, sink: &str) -> bool {
        (self == Self::Metric) == (sink == METRICS)
    }

    fn columns(self, now_ms: i64, number: u64) -> EventColumns {
        let is_metric = self == Self::Metric;
        EventColumns {
            kind: if is_metric { Kind::Monitor } else { Kind::Default },
            name: if self == Self::Broken { "broken".into() } else { "fine".into() },
            ts_ms: None,
            time_ms: now_ms,
            user_id: Some("ann".into()),
            anonymous_id: None,
            session: None,
            properties_json: Some(format!(r#"{{"n":{number}}}"#)),
            context_json: (self == Self::Private).then(|| r#"{"gpc":true}"#.into()),
            monitor_json: None,
            enrichment_json: None,
        }
    }
}

/// The route of each sink.
pub(crate) fn routes() -> Vec<Route> {
    let route = |sink: &str| {
        let kind = if sink == METRICS { Kind::Monitor } else { Kind::Default };
        let (only, except) = (Vec::new(), Vec::new());
        Route { sink: sink.into(), kind: "model", types: vec![kind], only, except }
    };
    SINKS.into_iter().map(route).collect()
}

/// A payload that was processed.
#[derive(Debug, Clone)]
pub(crate) struct Payload {
    /// The first plan.
    pub(crate) first: Arc<Plan>,
    /// The plan of a replay.
    pub(crate) again: Arc<Plan>,
    /// Whether the store confirmed that it is applied.
    pub(crate) is_sure: bool,
}

impl Payload {
    /// The payload with this number and one event for each case. Sequence numbers begin at `from`.
    pub(crate) fn new(number: u128, now_ms: i64, from: u64, cases: &[EventCase]) -> Self {
        // A payload's id begins with its time.
        let time = u128::try_from(now_ms).unwrap() << 80;
        let plan = |is_first: bool| {
            let payload = PayloadId(Uuid::from_u128(time | number));
            let events = (0..).zip(cases).zip(from..).map(|((index, case), seq)| PlannedEvent {
                id: row_id(payload, now_ms, index),
                index,
                identity: EventIdentity::Numbered(Producer::from_bits(1), seq),
                outcome: match case {
                    EventCase::Later if is_first => PlannedOutcome::Refuse {
                        reason: InvalidReason::NameMissing,
                        detail: "later".into(),
                        content: Box::default(),
                    },
                    _ => PlannedOutcome::Store(Box::new(case.columns(now_ms, seq))),
                },
            });
            Arc::new(Plan {
                payload,
                received_ms: now_ms,
                created_day: 20_231_114,
                source: "web".into(),
                is_secret: false,
                attempt: 1,
                notes: Vec::new(),
                events: events.collect(),
            })
        };
        Self { first: plan(true), again: plan(false), is_sure: false }
    }

    /// The plan of a replay that wrongly creates new ids.
    pub(crate) fn as_new(&self) -> Arc<Plan> {
        let mut plan = (*self.again).clone();
        let payload = PayloadId(Uuid::from_u128(plan.payload.0.as_u128() | 1 << 64));
        for event in &mut plan.events {
            event.id = row_id(payload, plan.received_ms, event.index);
            event.identity = EventIdentity::Anonymous;
        }
        Arc::new(Plan { payload, ..plan })
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = RowId> {
        self.first.events.iter().map(|event| event.id)
    }
}
