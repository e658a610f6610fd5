//! Profiles of users whose events move. What was said about a user is added to what the target
//! knows, and stays in the source, where other events of the same user may be.
//!
//! Of two words about the same trait, the one that was said later counts, whichever comes first. So
//! this can be done at any time and more than once, and is not part of the transaction of a chunk,
//! which would keep others from applying events of the same users for as long as it takes.

use std::collections::HashSet;
use std::sync::Arc;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use uuid::Uuid;

use super::database::ShardDatabase;
use crate::store::postgres::columns::get;
use crate::store::postgres::connection::failure::Failure;

/// How many profiles are merged in one transaction.
const AT_ONCE: usize = 200;

const STATES: &str =
    "SELECT key, key_text, is_empty, week FROM profile_states WHERE key = ANY ($1) ORDER BY key";
const WORDS: &str = "SELECT s.key, w.subject, w.name_hash, w.name, w.said_ms, w.event_id, w.json \
     FROM profile_states AS s JOIN profile_words AS w ON w.profile = s.id WHERE s.key = ANY ($1)";
const ADD: &str = "INSERT INTO profile_states (key, key_text, revision, is_empty, week) \
     SELECT key, key_text, 0, is_empty, week FROM unnest($1::uuid[], $2::text[], $3::boolean[], $4::integer[]) \
       AS it (key, key_text, is_empty, week) ORDER BY key \
     ON CONFLICT (key) DO UPDATE SET week = greatest(profile_states.week, excluded.week)";
/// Words that were said later than those that are here.
const ADD_WORDS: &str = "INSERT INTO profile_words AS w (profile, subject, name_hash, name, said_ms, event_id, json) \
     SELECT s.id, n.subject, n.name_hash, n.name, n.said_ms, n.event_id, n.json \
     FROM unnest($1::uuid[], $2::smallint[], $3::uuid[], $4::text[], $5::bigint[], $6::uuid[], $7::text[]) \
       AS n (key, subject, name_hash, name, said_ms, event_id, json) JOIN profile_states AS s ON s.key = n.key \
     ON CONFLICT (profile, subject, name_hash) DO UPDATE \
       SET said_ms = excluded.said_ms, event_id = excluded.event_id, json = excluded.json \
       WHERE (w.said_ms, w.event_id) < (excluded.said_ms, excluded.event_id) RETURNING profile";
/// A profile that says something else needs a new version.
const CHANGED: &str = "UPDATE profile_states AS s SET revision = revision + 1, \
     is_empty = NOT EXISTS (SELECT FROM profile_words AS w WHERE w.profile = s.id AND w.json <> 'null') \
     WHERE id = ANY ($1)";

/// Adds what the source knows of some profiles to what the target knows.
pub(super) async fn merge(
    from: &Transaction<'_>,
    to: &ShardDatabase,
    keys: &HashSet<Uuid>,
) -> Result<(), Failure> {
    let mut keys: Vec<Uuid> = keys.iter().copied().collect();
    keys.sort_unstable();
    for keys in keys.chunks(AT_ONCE) {
        let states = from.query(STATES, &[&keys]).await?;
        let words = from.query(WORDS, &[&keys]).await?;
        let read = Arc::new((States::read(&states)?, Words::read(&words)?));
        let merging = to.database.transaction(|transaction| {
            let read = Arc::clone(&read);
            Box::pin(async move { write(transaction, &read.0, &read.1).await })
        });
        merging.await?;
    }
    Ok(())
}

async fn write(
    transaction: &Transaction<'_>,
    states: &States,
    words: &Words,
) -> Result<(), Failure> {
    transaction.execute(ADD, &[&states.keys, &states.texts, &states.empty, &states.weeks]).await?;
    let changed = transaction
        .query(
            ADD_WORDS,
            &[
                &words.keys,
                &words.subjects,
                &words.hashes,
                &words.names,
                &words.said_ms,
                &words.events,
                &words.texts,
            ],
        )
        .await?;
    let changed: Vec<i64> = changed.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
    transaction.execute(CHANGED, &[&changed]).await?;
    Ok(())
}

/// Columns of profiles.
#[derive(Debug, Default)]
struct States {
    keys: Vec<Uuid>,
    texts: Vec<String>,
    empty: Vec<bool>,
    weeks: Vec<i32>,
}

impl States {
    fn read(rows: &[Row]) -> Result<Self, Failure> {
        let mut states = Self::default();
        for row in rows {
            states.keys.push(get(row, 0)?);
            states.texts.push(get(row, 1)?);
            states.empty.push(get(row, 2)?);
            states.weeks.push(get(row, 3)?);
        }
        Ok(states)
    }
}

/// Columns of words.
#[derive(Debug, Default)]
struct Words {
    keys: Vec<Uuid>,
    subjects: Vec<i16>,
    hashes: Vec<Uuid>,
    names: Vec<String>,
    said_ms: Vec<i64>,
    events: Vec<Uuid>,
    texts: Vec<String>,
}

impl Words {
    fn read(rows: &[Row]) -> Result<Self, Failure> {
        let mut words = Self::default();
        for row in rows {
            words.keys.push(get(row, 0)?);
            words.subjects.push(get(row, 1)?);
            words.hashes.push(get(row, 2)?);
            words.names.push(get(row, 3)?);
            words.said_ms.push(get(row, 4)?);
            words.events.push(get(row, 5)?);
            words.texts.push(get(row, 6)?);
        }
        Ok(words)
    }
}
