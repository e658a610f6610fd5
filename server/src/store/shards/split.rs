//! Dividing plans between databases. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::store::Plan;
use crate::store::bucket::{bucket_of_event, bucket_of_payload, bucket_of_producer};

/// What a database has to apply, in the order of the plans: the place of each plan, and the part of
/// it that belongs to the database.
pub(super) type Parts = Vec<(usize, Arc<Plan>)>;

/// Divides plans. A payload whose plan says nothing belongs to the database of its id. The database
/// that `home_of` gives for a payload gets a part also if it is empty.
pub(super) fn split(
    plans: &[Arc<Plan>],
    owner: impl Fn(i16) -> u16,
    home_of: impl Fn(&Plan) -> Option<u16>,
) -> BTreeMap<u16, Parts> {
    let mut parts = BTreeMap::<u16, Parts>::new();
    for (place, plan) in plans.iter().enumerate() {
        let mut owners = owners_of(plan, &owner);
        owners.extend(home_of(plan));
        if owners.is_empty() {
            owners.insert(owner(bucket_of_payload(plan.payload)));
        }
        let is_whole = owners.len() == 1;
        for shard in owners {
            let part = if is_whole { Arc::clone(plan) } else { part_of(plan, &owner, shard) };
            parts.entry(shard).or_default().push((place, part));
        }
    }
    parts
}

/// The databases that a plan says something about.
pub(super) fn owners_of(plan: &Plan, owner: impl Fn(i16) -> u16) -> BTreeSet<u16> {
    let events = plan.events.iter().map(|event| owner(bucket_of_event(&plan.source, event)));
    let notes = plan.notes.iter().map(|(producer, _)| owner(bucket_of_producer(*producer)));
    events.chain(notes).collect()
}

/// The part of a plan that belongs to a database.
fn part_of(plan: &Plan, owner: impl Fn(i16) -> u16, shard: u16) -> Arc<Plan> {
    let is_event_here = |event: &&_| owner(bucket_of_event(&plan.source, event)) == shard;
    let is_note_here = |note: &&(_, _)| owner(bucket_of_producer(note.0)) == shard;
    Arc::new(Plan {
        source: plan.source.clone(),
        notes: plan.notes.iter().filter(is_note_here).cloned().collect(),
        events: plan.events.iter().filter(is_event_here).cloned().collect(),
        ..*plan
    })
}
