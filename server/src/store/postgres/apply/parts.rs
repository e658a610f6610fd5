//! Which parts of plans were applied here.
//!
//! A payload may belong to several shards, by the buckets of its events, and a bucket may move to
//! another shard while parts of the payload wait. So a mark says which buckets of a payload were
//! applied here, and only the rest of it is. The mark of a database that is alone is about all of
//! the payload, and says nothing of buckets.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::known;
use crate::store::apply::{AppliedPayload, Payloads};
use crate::store::postgres::columns::{bucket_of_event, bucket_of_producer, get, int, payload_id};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::shards::gate::{self, Gate};
use crate::store::{PayloadId, Plan};

/// Which payloads were applied before, and whether this server may write. In one statement, which
/// runs for every transaction.
pub(crate) const MARKS: &str = "WITH here AS MATERIALIZED ({HERE}) SELECT here.epoch, here.writable, a.payload_id, a.buckets \
     FROM here LEFT JOIN applied AS a ON a.payload_id = ANY($1)";
const ADD: &str = "INSERT INTO applied (payload_id, applied_ms, attempt, stored, duplicates, invalid, buckets) \
     SELECT payload_id, $2, attempt, stored, duplicates, invalid, buckets::smallint[] \
     FROM unnest($1::uuid[], $3::integer[], $4::integer[], $5::integer[], $6::integer[], $7::text[]) \
       AS n (payload_id, attempt, stored, duplicates, invalid, buckets)";
/// Adds a part to a mark, unless another transaction did.
const EXTEND: &str = "UPDATE applied AS a SET applied_ms = $2, attempt = n.attempt, stored = a.stored + n.stored, \
     duplicates = a.duplicates + n.duplicates, invalid = a.invalid + n.invalid, \
     buckets = a.buckets || n.buckets::smallint[] \
     FROM unnest($1::uuid[], $3::integer[], $4::integer[], $5::integer[], $6::integer[], $7::text[]) \
       AS n (payload_id, attempt, stored, duplicates, invalid, buckets) \
     WHERE a.payload_id = n.payload_id AND NOT a.buckets && n.buckets::smallint[]";

/// The buckets that a mark is about. `None` for all of the payload.
pub(super) type Covered = Option<Vec<i16>>;

/// The parts of plans that must be applied.
#[derive(Debug)]
pub(super) struct Parts {
    /// Of each plan, what was not applied here.
    pub(super) plans: Vec<Arc<Plan>>,
    /// Payloads of which nothing is left to apply.
    pub(super) applied: Payloads,
    /// Payloads of which another part was applied.
    begun: Payloads,
    gate: Gate,
}

impl Parts {
    /// Reads which parts of `plans` were applied, and takes the gate until the transaction ends.
    pub(super) async fn new(
        transaction: &Transaction<'_>,
        plans: &[Arc<Plan>],
        epoch: u64,
    ) -> Result<Self, Failure> {
        let statement = transaction.prepare_cached(&MARKS.replace("{HERE}", gate::HERE)).await?;
        let rows = transaction.query(&statement, &[&known::payloads(plans)]).await?;
        let gate = Gate::read(rows.first(), epoch)?;
        let mut marks = HashMap::<PayloadId, Covered>::new();
        for row in &rows {
            if get::<Option<Uuid>>(row, 2)?.is_some() {
                marks.insert(payload_id(row, 2)?, get(row, 3)?);
            }
        }
        let (mut applied, mut begun) = (Payloads::default(), Payloads::default());
        let mut parts = Vec::with_capacity(plans.len());
        for plan in plans {
            let part = match marks.get(&plan.payload) {
                None => Arc::clone(plan),
                Some(covered) => {
                    let rest = part(plan, |bucket| !covers(covered.as_ref(), bucket));
                    let is_whole = covered.is_none() || buckets(&rest).is_empty();
                    let list = if is_whole { &mut applied } else { &mut begun };
                    list.insert(plan.payload);
                    rest
                }
            };
            if !applied.contains(&part.payload) {
                gate.check(|| buckets(&part))?;
            }
            parts.push(part);
        }
        Ok(Self { plans: parts, applied, begun, gate })
    }

    /// Marks payloads, or parts of them, as applied.
    pub(super) async fn mark(
        &self,
        transaction: &Transaction<'_>,
        payloads: &[AppliedPayload<'_>],
        now_ms: i64,
    ) -> Result<(), Failure> {
        let mut payloads: Vec<&AppliedPayload<'_>> = payloads.iter().collect();
        payloads.sort_unstable_by_key(|it| it.plan.payload);
        let (begun, new): (Vec<_>, Vec<_>) =
            payloads.into_iter().partition(|it| self.begun.contains(&it.plan.payload));
        for (sql, payloads) in [(EXTEND, begun), (ADD, new)] {
            if payloads.is_empty() {
                continue;
            }
            let ids: Vec<Uuid> = payloads.iter().map(|it| it.plan.payload.0).collect();
            let number = |of: fn(&AppliedPayload<'_>) -> u64| -> Vec<i32> {
                payloads.iter().map(|it| int(of(it))).collect()
            };
            let attempts = number(|it| u64::from(it.plan.attempt));
            let stored = number(|it| it.applied.stored);
            let duplicates = number(|it| it.applied.duplicates);
            let invalid = number(|it| it.applied.invalid);
            let buckets: Vec<Option<String>> =
                payloads.iter().map(|it| self.text(it.plan)).collect();
            let statement = transaction.prepare_cached(sql).await?;
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
                [&ids, &now_ms, &attempts, &stored, &duplicates, &invalid, &buckets];
            if transaction.execute(&statement, &values).await? != payloads.len() as u64 {
                return Err(Failure::Raced);
            }
        }
        Ok(())
    }

    /// What a mark says of the buckets of a plan.
    fn text(&self, plan: &Plan) -> Option<String> {
        let names = || buckets(plan).iter().map(ToString::to_string).collect::<Vec<_>>();
        (!self.gate.is_alone()).then(|| format!("{{{}}}", names().join(",")))
    }
}

/// The parts of plans that were applied here: only those are applied again.
pub(super) fn applied(
    gate: &Gate,
    plans: &[Arc<Plan>],
    marks: &HashMap<PayloadId, Covered>,
) -> Result<Vec<Arc<Plan>>, Failure> {
    let part_of = |plan: &Arc<Plan>| {
        let part = match marks.get(&plan.payload) {
            None => Arc::clone(plan),
            Some(covered) => part(plan, |bucket| covers(covered.as_ref(), bucket)),
        };
        if marks.contains_key(&plan.payload) {
            gate.check(|| buckets(&part))?;
        }
        Ok(part)
    };
    plans.iter().map(part_of).collect()
}

fn covers(covered: Option<&Vec<i16>>, bucket: i16) -> bool {
    covered.is_none_or(|covered| covered.contains(&bucket))
}

/// The buckets that a plan is about.
pub(crate) fn buckets(plan: &Plan) -> BTreeSet<i16> {
    let declared = plan.notes.iter().map(|(producer, _)| bucket_of_producer(*producer));
    let arrived = plan.events.iter().map(|event| bucket_of_event(&plan.source, event));
    declared.chain(arrived).collect()
}

/// The part of a plan that is about some buckets.
pub(crate) fn part(plan: &Arc<Plan>, is_in: impl Fn(i16) -> bool) -> Arc<Plan> {
    if buckets(plan).iter().all(|bucket| is_in(*bucket)) {
        return Arc::clone(plan);
    }
    let mut part = Plan::clone(plan);
    part.notes.retain(|(producer, _)| is_in(bucket_of_producer(*producer)));
    part.events.retain(|event| is_in(bucket_of_event(&plan.source, event)));
    Arc::new(part)
}
