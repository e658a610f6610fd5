//! Reading what the rules of applying need to know.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::ledgers::ReadLedgers;
use super::profiles;
use crate::store::apply::{ClientIdKey, ClientIdOwner, History, Known, Wanted};
use crate::store::sqlite::file::columns::row_id;
use crate::store::{Outcome, PayloadId, Plan};

/// How a kind of key is stored.
pub(super) fn key_kind(key: &ClientIdKey<'_>) -> i64 {
    if key.is_secret { 2 } else { 1 }
}

/// Which of `plans` were applied before.
pub(super) fn applied(
    store: &Connection,
    plans: &[Arc<Plan>],
) -> rusqlite::Result<HashSet<PayloadId>> {
    let mut applied = HashSet::new();
    let mut find = store.prepare_cached("SELECT 1 FROM applied WHERE payload_id = ?1")?;
    for plan in plans {
        if find.exists([plan.payload.0.as_bytes()])? {
            applied.insert(plan.payload);
        }
    }
    Ok(applied)
}

/// Reads what is wanted beside the ledgers, which were read before.
///
/// `events` is the file that the rows go to, if it is open.
pub(super) fn read<'a>(
    store: &Connection,
    events: Option<&Connection>,
    wanted: Wanted<'a>,
    ledgers: ReadLedgers<'a>,
) -> rusqlite::Result<Known<'a>> {
    let mut known = Known { ledgers, ..Known::default() };
    // An id of an earlier version counts for every kind of key, unless it has an owner of this one.
    let mut find_id = store.prepare_cached(
        "SELECT id, refused FROM event_ids WHERE event_id = ?1 AND source = ?2 \
         AND key_kind IN (0, ?3) ORDER BY key_kind DESC LIMIT 1",
    )?;
    for key in wanted.client_ids {
        let owner = find_id
            .query_row(params![key.id, key.source, key_kind(&key)], |row| {
                Ok(ClientIdOwner { arrival: row_id(row, 0)?, is_refused: row.get(1)? })
            })
            .optional()?;
        known.client_ids.extend(owner.map(|owner| (key, owner)));
    }
    for key in wanted.profiles {
        let with_words = wanted.words.contains(&key);
        let profile = profiles::find(store, events, key, with_words)?;
        known.profiles.extend(profile.map(|profile| (key, profile)));
    }
    Ok(known)
}

/// How the events of those of `plans` ended that were applied.
pub(super) fn histories(
    store: &Connection,
    events: &Connection,
    plans: &[Arc<Plan>],
) -> rusqlite::Result<HashMap<PayloadId, History>> {
    let mut histories = HashMap::new();
    for plan in plans {
        if let Some(history) = history(store, events, plan)? {
            histories.insert(plan.payload, history);
        }
    }
    Ok(histories)
}

fn history(
    store: &Connection,
    events: &Connection,
    plan: &Plan,
) -> rusqlite::Result<Option<History>> {
    let not_stored: Option<u64> = store
        .prepare_cached("SELECT duplicates + invalid FROM applied WHERE payload_id = ?1")?
        .query_row([plan.payload.0.as_bytes()], |row| row.get(0))
        .optional()?;
    let Some(not_stored) = not_stored else { return Ok(None) };
    let mut history = History { not_stored, ..History::default() };
    let Some((first, last)) = super::span(plan) else { return Ok(Some(history)) };
    let span = params![first.0.as_bytes(), last.0.as_bytes()];
    history.outcomes = store
        .prepare_cached("SELECT id, state FROM outcomes WHERE id BETWEEN ?1 AND ?2")?
        .query_map(span, |row| {
            let state: String = row.get(1)?;
            Ok((row_id(row, 0)?, Outcome::from_name(&state).unwrap_or(Outcome::Duplicate)))
        })?
        .collect::<rusqlite::Result<_>>()?;
    history.rows = events
        .prepare_cached("SELECT id FROM events WHERE id BETWEEN ?1 AND ?2")?
        .query_map(span, |row| row_id(row, 0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(history))
}
