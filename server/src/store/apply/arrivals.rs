//! Applying payloads for the first time: what each arrival becomes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use lamplight_wire::reason::InvalidReason;

use super::fan_out::fan_out;
use super::ledgers::Ledgers;
use super::profiles::Profiles;
use super::{
    AppliedPayload, ClientIdKey, ClientIdOwner, ClientIdWrite, Known, NewRow, NotStored, Payloads,
    Writes,
};
use crate::store::ledger::{Arrival, RANGES_MAX};
use crate::store::{
    Applied, EventIdentity, Outcome, Plan, PlannedEvent, PlannedOutcome, RefusedContent, Route,
};

/// What one transaction works on.
struct Transaction<'a, 'r> {
    ledgers: Ledgers<'a>,
    client_ids: HashMap<ClientIdKey<'a>, ClientIdOwner>,
    profiles: Profiles<'a>,
    routes: &'r [Route],
    writes: Writes<'a>,
}

/// Decides what applying `plans` in this order writes, and returns the result of each. A payload
/// that is in `applied`, or that occurs twice among the plans, changes nothing.
pub fn decide<'a>(
    plans: &'a [Arc<Plan>],
    mut applied: Payloads,
    known: Known<'a>,
    routes: &[Route],
) -> (Writes<'a>, Vec<Applied>) {
    let mut transaction = Transaction {
        ledgers: Ledgers::new(known.ledgers),
        client_ids: known.client_ids,
        profiles: Profiles::new(known.profiles),
        routes,
        writes: Writes::default(),
    };
    let mut results = Vec::with_capacity(plans.len());
    for plan in plans {
        results.push(if applied.insert(plan.payload) {
            transaction.apply(plan)
        } else {
            Applied { already: true, ..Applied::default() }
        });
    }
    let Transaction { ledgers, profiles, mut writes, .. } = transaction;
    writes.ledgers = ledgers.into_writes(&mut writes.totals, &mut writes.sources);
    (writes.profiles, writes.versions) = profiles.into_writes();
    (writes, results)
}

impl<'a> Transaction<'a, '_> {
    fn apply(&mut self, plan: &'a Plan) -> Applied {
        for (producer, note) in &plan.notes {
            self.ledgers.declare(*producer, note, plan);
        }
        let mut applied = Applied::default();
        for event in &plan.events {
            match self.arrive(plan, event) {
                Outcome::Stored => applied.stored += 1,
                Outcome::Duplicate => applied.duplicates += 1,
                Outcome::Invalid => applied.invalid += 1,
            }
        }
        // Every event of the payload ended in exactly one outcome (I3).
        debug_assert_eq!(
            applied.stored + applied.duplicates + applied.invalid,
            plan.events.len() as u64
        );
        self.writes.totals.add_payload(&applied);
        self.writes.payloads.push(AppliedPayload { plan, applied });
        applied
    }

    fn arrive(&mut self, plan: &'a Plan, event: &'a PlannedEvent) -> Outcome {
        let (arrival, scope) = self.arrival(plan, event);
        if arrival == Arrival::TooScattered
            || (arrival == Arrival::First && !matches!(event.identity, EventIdentity::Numbered(..)))
        {
            self.writes.totals.unnumbered += 1;
        }
        match (arrival, &event.outcome) {
            (Arrival::First, PlannedOutcome::Store(columns)) => {
                let profile = self.profiles.apply(plan, event, columns);
                self.writes.rows.push(NewRow { plan, event, columns, profile, scope });
                fan_out(self.routes, event.id, columns, &mut self.writes.deliveries);
                Outcome::Stored
            }
            (Arrival::First, PlannedOutcome::Refuse { reason, detail, content }) => {
                self.refuse(plan, event, (*reason, detail.clone()), Cow::Borrowed(content))
            }
            (Arrival::TooScattered, outcome) => {
                let detail = format!(
                    "this producer's numbers are too scattered: the server keeps at most {RANGES_MAX} \
                     ranges of numbers that arrived or were dropped. Number events without gaps"
                );
                let content = match outcome {
                    PlannedOutcome::Store(columns) => Cow::Owned(RefusedContent::of(columns)),
                    PlannedOutcome::Refuse { content, .. } => Cow::Borrowed(&**content),
                };
                self.refuse(plan, event, (InvalidReason::ProducerInvalid, detail), content)
            }
            (Arrival::Again, _) => {
                let (outcome, reason, content) = (Outcome::Duplicate, None, None);
                self.writes.not_stored.push(NotStored { plan, event, outcome, reason, content });
                outcome
            }
        }
    }

    fn refuse(
        &mut self,
        plan: &'a Plan,
        event: &'a PlannedEvent,
        reason: (InvalidReason, String),
        content: Cow<'a, RefusedContent>,
    ) -> Outcome {
        let (outcome, reason, content) = (Outcome::Invalid, Some(reason), Some(content));
        self.writes.not_stored.push(NotStored { plan, event, outcome, reason, content });
        outcome
    }

    /// Whether this is the event's first arrival (I2). Of arrivals with the same client id, those
    /// that cannot be stored do not count. Also returns the scope of the ledger that decided it.
    fn arrival(&mut self, plan: &'a Plan, event: &'a PlannedEvent) -> (Arrival, &'a str) {
        let arrival = match &event.identity {
            EventIdentity::Numbered(producer, seq) => {
                let (arrival, key) = self.ledgers.arrive(*producer, *seq, plan);
                return (arrival, key.scope);
            }
            EventIdentity::ClientId(id) => self.id_arrival(ClientIdKey::new(plan, id), plan, event),
            EventIdentity::Anonymous => Arrival::First,
        };
        (arrival, &plan.source)
    }

    fn id_arrival(
        &mut self,
        key: ClientIdKey<'a>,
        plan: &'a Plan,
        event: &'a PlannedEvent,
    ) -> Arrival {
        let is_refused = event.columns().is_none();
        match self.client_ids.get(&key) {
            Some(owner) if !owner.is_refused => return Arrival::Again,
            // It is wrong again, maybe for another reason.
            Some(_) if is_refused => return Arrival::First,
            Some(_) | None => {}
        }
        let owner = ClientIdOwner { arrival: event.id, is_refused };
        self.client_ids.insert(key, owner);
        let received_ms = plan.received_ms;
        self.writes.client_ids.push(ClientIdWrite { key, owner, received_ms });
        Arrival::First
    }
}
