//! Reading what the rules of applying need to know.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::ledgers::ReadLedgers;
use super::{parts, profiles, span};
use crate::store::apply::{ClientIdKey, ClientIdOwner, Histories, History, Known, Wanted};
use crate::store::postgres::columns::{get, payload_id, row_id, text};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::partitions;
use crate::store::postgres::shards::gate::Gate;
use crate::store::postgres::text::kept;
use crate::store::{Outcome, PayloadId, Plan, Week};

/// How many arrivals of payloads were not stored.
pub(crate) const NOT_STORED: &str = "SELECT payload_id, duplicates + invalid, buckets FROM applied WHERE payload_id = ANY($1) ORDER BY payload_id FOR UPDATE";
/// The owners of ids. One of an early version counts for every kind of key.
pub(crate) const OWNERS: &str = "SELECT k.place, e.key_kind, e.id, e.is_refused \
     FROM unnest($1::text[], $2::text[], $3::smallint[]) WITH ORDINALITY AS k (event_id, source, key_kind, place) \
     JOIN event_ids AS e ON e.event_id = k.event_id AND e.source = k.source AND e.key_kind IN (0, k.key_kind) \
     ORDER BY k.place, e.key_kind";
/// The outcomes of payloads, by the spans of their ids.
pub(crate) const OUTCOMES: &str = "SELECT s.payload, o.id, o.state \
     FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS s (payload, first, last) \
     JOIN outcomes AS o ON o.id BETWEEN s.first AND s.last";
/// The rows of payloads in one partition, by the spans of their ids.
pub(crate) const ROWS: &str = "SELECT s.payload, e.id \
     FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS s (payload, first, last) \
     JOIN {EVENTS} AS e ON e.id BETWEEN s.first AND s.last";

/// How a kind of key is stored.
pub(super) fn key_kind(key: &ClientIdKey<'_>) -> i16 {
    if key.is_secret { 2 } else { 1 }
}

pub(super) fn payloads(plans: &[Arc<Plan>]) -> Vec<Uuid> {
    plans.iter().map(|plan| plan.payload.0).collect()
}

/// Reads what is wanted beside the ledgers, which were read before. The rows go to `week`.
pub(super) async fn read<'a>(
    transaction: &Transaction<'_>,
    week: Week,
    wanted: Wanted<'a>,
    ledgers: ReadLedgers<'a>,
) -> Result<Known<'a>, Failure> {
    let client_ids = owners(transaction, wanted.client_ids).await?;
    let profiles = profiles::find(transaction, week, &wanted.profiles, &wanted.words).await?;
    Ok(Known { ledgers, client_ids, profiles })
}

async fn owners<'a>(
    transaction: &Transaction<'_>,
    wanted: HashSet<ClientIdKey<'a>>,
) -> Result<HashMap<ClientIdKey<'a>, ClientIdOwner>, Failure> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let wanted: Vec<_> = wanted.into_iter().collect();
    let ids: Vec<_> = wanted.iter().map(|key| kept(key.id)).collect();
    let sources: Vec<_> = wanted.iter().map(|key| kept(key.source)).collect();
    let kinds: Vec<i16> = wanted.iter().map(key_kind).collect();
    let statement = transaction.prepare_cached(OWNERS).await?;
    let mut owners = HashMap::new();
    // Of two owners, the one of this kind comes last and counts.
    for row in transaction.query(&statement, &[&ids, &sources, &kinds]).await? {
        let place = usize::try_from(get::<i64>(&row, 0)? - 1).unwrap_or(usize::MAX);
        let Some(key) = wanted.get(place) else { continue };
        let owner = ClientIdOwner { arrival: row_id(&row, 2)?, is_refused: get(&row, 3)? };
        owners.insert(*key, owner);
    }
    Ok(owners)
}

/// How the events of those of `plans` ended that were applied, and the parts of the plans that
/// were. Their marks are locked.
pub(super) async fn histories(
    transaction: &Transaction<'_>,
    (week, gate): (Week, &Gate),
    plans: &[Arc<Plan>],
) -> Result<(Histories, Vec<Arc<Plan>>), Failure> {
    let mut marks = HashMap::new();
    let statement = transaction.prepare_cached(NOT_STORED).await?;
    let mut histories: HashMap<PayloadId, History> = HashMap::new();
    for row in transaction.query(&statement, &[&payloads(plans)]).await? {
        let not_stored = u64::try_from(get::<i32>(&row, 1)?).unwrap_or(0);
        histories.insert(payload_id(&row, 0)?, History { not_stored, ..History::default() });
        marks.insert(payload_id(&row, 0)?, get(&row, 2)?);
    }
    let plans = parts::applied(gate, plans, &marks)?;
    let spans = plans.iter().filter(|plan| histories.contains_key(&plan.payload));
    let spans = spans.filter_map(|plan| Some((plan.payload.0, span(plan)?)));
    let (mut payloads, mut firsts, mut lasts) = (Vec::new(), Vec::new(), Vec::new());
    for (payload, (first, last)) in spans {
        payloads.push(payload);
        firsts.push(first.0);
        lasts.push(last.0);
    }
    let statement = transaction.prepare_cached(OUTCOMES).await?;
    for row in transaction.query(&statement, &[&payloads, &firsts, &lasts]).await? {
        let outcome = Outcome::from_name(&text(&row, 2)?).unwrap_or(Outcome::Duplicate);
        let history = histories.entry(payload_id(&row, 0)?).or_default();
        history.outcomes.insert(row_id(&row, 1)?, outcome);
    }
    let sql = ROWS.replace("{EVENTS}", &partitions::name("events", week));
    let statement = transaction.prepare_cached(&sql).await?;
    for row in transaction.query(&statement, &[&payloads, &firsts, &lasts]).await? {
        histories.entry(payload_id(&row, 0)?).or_default().rows.insert(row_id(&row, 1)?);
    }
    Ok((histories, plans))
}
