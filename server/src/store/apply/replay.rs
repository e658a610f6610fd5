//! Applying payloads again: what a replay may change.
//!
//! Which arrival became a row was decided when the payload was first applied, and a row's id is
//! computed from its payload's, so a replay can only write rows that were there. It restores those
//! that are gone, brings times, users and enrichment up to date, and accepts what was refused
//! and can be stored now. Ledgers do not change: no arrival is new.

use std::sync::Arc;

use super::fan_out::fan_out;
use super::ledgers::key_of;
use super::profiles::Profiles;
use super::{
    ClientIdKey, ClientIdOwner, ClientIdWrite, Histories, History, Known, LedgerKey, NewRow,
    Wanted, Writes,
};
use crate::store::{EventColumns, EventIdentity, Outcome, Plan, PlannedEvent, Replayed, Route};

/// What replaying does with one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// The row is there: replace its times, its user and its enrichment.
    Rewrite,
    /// The row is gone: write it again.
    Restore,
    /// It was refused, and can be stored now.
    Accept,
    /// It stays as it is.
    Leave,
}

impl Action {
    fn of(history: &History, event: &PlannedEvent) -> Self {
        match history.outcomes.get(&event.id) {
            Some(Outcome::Invalid) => Self::Accept,
            Some(_) => Self::Leave,
            None if history.rows.contains(&event.id) => Self::Rewrite,
            None => Self::Restore,
        }
    }
}

/// The events of `plan` that can be stored, with what to do with each.
fn actions<'a>(
    plan: &'a Plan,
    history: &History,
) -> impl Iterator<Item = (&'a PlannedEvent, &'a EventColumns, Action)> {
    plan.events.iter().filter_map(|event| {
        event.columns().map(|columns| (event, columns, Action::of(history, event)))
    })
}

/// What [`decide`] needs to know about `plans`, whose events ended as `histories` say.
pub fn wanted<'a>(plans: &'a [Arc<Plan>], histories: &Histories) -> Wanted<'a> {
    let mut wanted = Wanted::default();
    for plan in plans {
        let Some(history) = histories.get(&plan.payload).filter(|it| it.is_whole()) else {
            continue;
        };
        for (event, _, action) in actions(plan, history) {
            match action {
                Action::Accept => {
                    wanted.identity(plan, event);
                    wanted.profile(event);
                }
                Action::Restore => {
                    // Its ledger tells the scope of its number.
                    wanted.identity(plan, event);
                    wanted.profile(event);
                }
                Action::Rewrite | Action::Leave => {}
            }
        }
    }
    wanted
}

/// Decides what applying `plans` again in this order writes. A payload without a history, or whose
/// history is not whole any more, is left alone.
pub fn decide<'a>(
    plans: &'a [Arc<Plan>],
    histories: &Histories,
    known: Known<'a>,
    routes: &[Route],
) -> (Writes<'a>, Replayed) {
    let Known { ledgers, mut client_ids, profiles } = known;
    let mut profiles = Profiles::new(profiles);
    let mut writes = Writes::default();
    let mut done = Replayed { payloads: plans.len() as u64, ..Replayed::default() };
    for plan in plans {
        let Some(history) = histories.get(&plan.payload).filter(|it| it.is_whole()) else {
            done.skipped += 1;
            continue;
        };
        for (event, columns, action) in actions(plan, history) {
            let scope = match &event.identity {
                EventIdentity::Numbered(producer, _) => {
                    key_of(&plan.source, *producer, |key| ledgers.contains_key(key)).scope
                }
                EventIdentity::ClientId(_) | EventIdentity::Anonymous => plan.source.as_str(),
            };
            // The arrival that was refused counts for its event, unless another one was stored.
            let mut is_its_arrival = || match &event.identity {
                EventIdentity::Numbered(producer, seq) => {
                    let key = LedgerKey { scope, producer: *producer };
                    ledgers.get(&key).is_some_and(|it| it.ledger.received.contains(*seq))
                }
                EventIdentity::ClientId(id) => {
                    let key = ClientIdKey::new(plan, id);
                    let is_free = client_ids.get(&key).is_some_and(|owner| owner.is_refused);
                    if is_free {
                        let owner = ClientIdOwner { arrival: event.id, is_refused: false };
                        client_ids.insert(key, owner);
                        let received_ms = plan.received_ms;
                        writes.client_ids.push(ClientIdWrite { key, owner, received_ms });
                    }
                    is_free
                }
                EventIdentity::Anonymous => true,
            };
            match action {
                Action::Rewrite => {
                    writes.rewrites.push((event.id, columns));
                    done.rewritten += 1;
                    continue;
                }
                Action::Accept if is_its_arrival() => {
                    writes.accepted.push((plan, event.id));
                    fan_out(routes, event.id, columns, &mut writes.deliveries);
                    done.accepted += 1;
                }
                Action::Restore => done.restored += 1,
                Action::Accept | Action::Leave => continue,
            }
            let profile = profiles.apply(plan, event, columns);
            writes.rows.push(NewRow { plan, event, columns, profile, scope });
        }
    }
    writes.totals.accept(done.accepted);
    (writes.profiles, writes.versions) = profiles.into_writes();
    (writes, done)
}
