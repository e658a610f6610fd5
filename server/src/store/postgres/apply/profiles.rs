//! Profiles: one row a user, and one a word. Who changes the words of one holds its row's lock
//! until the end. Who only reads it finds out at the end whether another transaction changed it.

use std::collections::{HashMap, HashSet};

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::versions;
use crate::store::apply::{ProfileWrite, StoredProfile};
use crate::store::postgres::columns::{big, count, get, hash, int, row_id, text};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::text::kept;
use crate::store::{Profile, ProfileKey, SaidAt, ShownProfile, Subject, Week, Word, WordName};

/// The revisions of profiles, as they were read.
pub(super) type Revisions<'a> = HashMap<ProfileKey<'a>, u64>;

/// Profiles by their keys.
pub(crate) const FIND: &str =
    "SELECT id, key, revision, is_empty, week FROM profile_states WHERE key = ANY($1)";
/// The same, locked in the order of their keys.
pub(crate) const LOCK: &str = "SELECT id, key, revision, is_empty, week FROM profile_states WHERE key = ANY($1) \
     ORDER BY key FOR UPDATE";
/// The words of some profiles.
pub(crate) const WORDS: &str = "SELECT profile, subject, name, said_ms, event_id, json FROM profile_words WHERE profile = ANY($1)";
const ADD: &str = "INSERT INTO profile_states (key, key_text, revision, is_empty, week) SELECT * FROM \
     unnest($1::uuid[], $2::text[], $3::bigint[], $4::boolean[], $5::integer[]) RETURNING key, id";
const CHANGE: &str = "UPDATE profile_states AS s SET revision = n.revision, is_empty = n.is_empty, week = n.week \
     FROM unnest($1::uuid[], $2::bigint[], $3::boolean[], $4::integer[], $5::bigint[]) \
       AS n (key, revision, is_empty, week, before) \
     WHERE s.key = n.key AND s.revision = n.before RETURNING s.key, s.id";
const SAVE_WORDS: &str = "INSERT INTO profile_words (profile, subject, name_hash, name, said_ms, event_id, json) SELECT * \
     FROM unnest($1::bigint[], $2::smallint[], $3::uuid[], $4::text[], $5::bigint[], $6::uuid[], $7::text[]) \
     ON CONFLICT (profile, subject, name_hash) DO UPDATE SET said_ms = excluded.said_ms, event_id = excluded.event_id, \
     json = excluded.json";
const DELETE_WORDS: &str = "DELETE FROM profile_words AS w \
     USING unnest($1::bigint[], $2::smallint[], $3::uuid[]) AS d (profile, subject, name_hash) \
     WHERE w.profile = d.profile AND w.subject = d.subject AND w.name_hash = d.name_hash";
/// Deletes profiles of users whose newest event was in an early week, with their words.
pub(crate) const PRUNE: &str = "WITH gone AS (DELETE FROM profile_states WHERE id IN \
       (SELECT id FROM profile_states WHERE week < $1 ORDER BY week LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING id), \
     words AS (DELETE FROM profile_words WHERE profile IN (SELECT id FROM gone)) SELECT count(*) FROM gone";

/// A profile's row.
#[derive(Debug)]
struct State {
    id: i64,
    revision: u64,
    is_empty: bool,
    week: Week,
}

async fn states(
    transaction: &Transaction<'_>,
    sql: &str,
    keys: &[Uuid],
) -> Result<HashMap<Uuid, State>, Failure> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let statement = transaction.prepare_cached(sql).await?;
    let rows = transaction.query(&statement, &[&keys]).await?;
    let read = |row| {
        let week = u32::try_from(get::<i32>(row, 4)?).map_err(|_| Failure::Column("week"))?;
        let state = State {
            id: get(row, 0)?,
            revision: count(row, 2)?,
            is_empty: get(row, 3)?,
            week: Week::from_number(week),
        };
        Ok((get(row, 1)?, state))
    };
    rows.iter().map(read).collect()
}

async fn words(
    transaction: &Transaction<'_>,
    profiles: &[i64],
) -> Result<HashMap<i64, Profile>, Failure> {
    if profiles.is_empty() {
        return Ok(HashMap::new());
    }
    let statement = transaction.prepare_cached(WORDS).await?;
    let mut words: HashMap<i64, Vec<(WordName, Word)>> = HashMap::new();
    for row in transaction.query(&statement, &[&profiles]).await? {
        let subject = match get::<i16>(&row, 1)? {
            0 => Subject::Trait,
            1 => Subject::Experiment,
            _ => return Err(Failure::Column("subject")),
        };
        let at = SaidAt { ms: get(&row, 3)?, event: row_id(&row, 4)? };
        let json: String = get(&row, 5)?;
        let word = Word { at, json: json.into() };
        words.entry(get(&row, 0)?).or_default().push(((subject, text(&row, 2)?), word));
    }
    Ok(words.into_iter().map(|(profile, words)| (profile, Profile::of_words(words))).collect())
}

/// The profiles of users, each with its newest version in `week`. Those that an event may add to,
/// `with_words`, are locked and have all their words.
pub(super) async fn find<'a>(
    transaction: &Transaction<'_>,
    week: Week,
    wanted: &HashSet<ProfileKey<'a>>,
    with_words: &HashSet<ProfileKey<'a>>,
) -> Result<HashMap<ProfileKey<'a>, StoredProfile>, Failure> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let keys: HashMap<ProfileKey<'a>, Uuid> =
        wanted.iter().map(|key| (*key, versions::key(*key))).collect();
    let side = |is_said: bool| -> Vec<Uuid> {
        let keys = keys.iter().filter(|(key, _)| with_words.contains(*key) == is_said);
        keys.map(|(_, key)| *key).collect()
    };
    let (said, read_only) = (side(true), side(false));
    let mut found = states(transaction, LOCK, &said).await?;
    found.extend(states(transaction, FIND, &read_only).await?);
    let mut asked: Vec<Uuid> = found.keys().copied().collect();
    asked.extend(said.iter().filter(|key| !found.contains_key(*key)));
    let mut latest = versions::newest(transaction, &asked, week).await?;

    let mut profiles = HashMap::new();
    let mut ids = HashMap::new();
    for (key, uuid) in &keys {
        let latest = latest.remove(uuid);
        let stored = match found.get(uuid) {
            Some(State { id, revision, is_empty, week }) => {
                ids.insert(*key, *id);
                let (revision, is_empty, week) = (*revision, *is_empty, *week);
                StoredProfile { revision, is_empty, week, latest, words: None }
            }
            // The profile may have been deleted, and versions of it may still be there.
            None if latest.is_some() => StoredProfile {
                revision: 0,
                is_empty: true,
                week: Week::from_number(0),
                latest,
                words: None,
            },
            None => continue,
        };
        profiles.insert(*key, stored);
    }
    let is_behind = |it: &StoredProfile| {
        it.latest.as_ref().is_some_and(|latest| latest.revision != it.revision)
    };
    let behind = profiles.iter().filter(|(_, it)| is_behind(it)).filter_map(|(key, it)| {
        Some((versions::key(*key), week, big(it.latest.as_ref()?.revision)))
    });
    let shown = versions::shown(transaction, behind.collect()).await?;
    let needs_words = |key: &ProfileKey<'a>, it: &StoredProfile| {
        with_words.contains(key) || is_behind(it) || it.needs_version()
    };
    let profiles_of_words: Vec<i64> = profiles
        .iter()
        .filter(|(key, it)| needs_words(key, it))
        .filter_map(|(key, _)| ids.get(key).copied())
        .collect();
    let mut words = words(transaction, &profiles_of_words).await?;
    for (key, stored) in &mut profiles {
        let (is_behind, needs_words) = (is_behind(stored), needs_words(key, stored));
        if is_behind && let Some(latest) = &mut stored.latest {
            let version = (versions::key(*key), week, big(latest.revision));
            latest.shown = shown.get(&version).map(|json| ShownProfile::read(json));
        }
        if needs_words && let Some(id) = ids.get(key) {
            stored.words = Some(words.remove(id).unwrap_or_else(|| Profile::of_words(Vec::new())));
        }
    }
    Ok(profiles)
}

/// Writes profiles. `before` has their revisions as they were read.
///
/// # Errors
/// [`Failure`], a conflict if another transaction changed one.
pub(super) async fn save<'a>(
    transaction: &Transaction<'_>,
    profiles: &[ProfileWrite<'a>],
    before: &Revisions<'a>,
) -> Result<(), Failure> {
    let mut profiles: Vec<_> = profiles.iter().map(|it| (versions::key(it.key), it)).collect();
    profiles.sort_unstable_by_key(|(key, _)| *key);
    let (known, new): (Vec<_>, Vec<_>) =
        profiles.iter().partition(|(_, it)| before.contains_key(&it.key));
    let mut ids = HashMap::new();
    for (is_new, writes) in [(false, known), (true, new)] {
        if writes.is_empty() {
            continue;
        }
        let keys: Vec<Uuid> = writes.iter().map(|(key, _)| *key).collect();
        let revisions: Vec<i64> = writes.iter().map(|(_, it)| big(it.revision)).collect();
        let empty: Vec<bool> = writes.iter().map(|(_, it)| it.is_empty).collect();
        let weeks: Vec<i32> = writes.iter().map(|(_, it)| int(it.week.number())).collect();
        let rows = if is_new {
            let texts: Vec<String> =
                writes.iter().map(|(_, it)| kept(&it.key.to_string()).into_owned()).collect();
            let statement = transaction.prepare_cached(ADD).await?;
            transaction.query(&statement, &[&keys, &texts, &revisions, &empty, &weeks]).await?
        } else {
            let before = writes.iter().map(|(_, it)| before.get(&it.key).copied().unwrap_or(0));
            let before: Vec<i64> = before.map(big).collect();
            let statement = transaction.prepare_cached(CHANGE).await?;
            transaction.query(&statement, &[&keys, &revisions, &empty, &weeks, &before]).await?
        };
        if rows.len() != writes.len() {
            return Err(Failure::Raced);
        }
        for row in &rows {
            ids.insert(get::<Uuid>(row, 0)?, get::<i64>(row, 1)?);
        }
    }
    save_words(transaction, &profiles, &ids).await
}

async fn save_words(
    transaction: &Transaction<'_>,
    profiles: &[(Uuid, &ProfileWrite<'_>)],
    ids: &HashMap<Uuid, i64>,
) -> Result<(), Failure> {
    let words = profiles.iter().flat_map(|(key, write)| {
        let id = ids.get(key).copied().unwrap_or_default();
        write.words.iter().map(move |((subject, name), word)| {
            let subject: i16 = match subject {
                Subject::Trait => 0,
                Subject::Experiment => 1,
            };
            (id, subject, name, word)
        })
    });
    let (said, deleted): (Vec<_>, Vec<_>) = words.partition(|(.., word)| word.is_some());
    if !deleted.is_empty() {
        let ids: Vec<i64> = deleted.iter().map(|(id, ..)| *id).collect();
        let subjects: Vec<i16> = deleted.iter().map(|(_, subject, ..)| *subject).collect();
        let hashes: Vec<Uuid> = deleted.iter().map(|(_, _, name, _)| hash(name)).collect();
        let statement = transaction.prepare_cached(DELETE_WORDS).await?;
        transaction.execute(&statement, &[&ids, &subjects, &hashes]).await?;
    }
    if !said.is_empty() {
        let ids: Vec<i64> = said.iter().map(|(id, ..)| *id).collect();
        let subjects: Vec<i16> = said.iter().map(|(_, subject, ..)| *subject).collect();
        let hashes: Vec<Uuid> = said.iter().map(|(_, _, name, _)| hash(name)).collect();
        let names: Vec<_> = said.iter().map(|(_, _, name, _)| kept(name)).collect();
        let words = || said.iter().filter_map(|(.., word)| word.as_ref());
        let times: Vec<i64> = words().map(|word| word.at.ms).collect();
        let events: Vec<Uuid> = words().map(|word| word.at.event.0).collect();
        let texts: Vec<&str> = words().map(|word| &*word.json).collect();
        let statement = transaction.prepare_cached(SAVE_WORDS).await?;
        transaction
            .execute(&statement, &[&ids, &subjects, &hashes, &names, &times, &events, &texts])
            .await?;
    }
    Ok(())
}

/// Deletes profiles of users whose newest event was in a week that ended before `from_ms`, at most
/// `limit`. Returns how many there were.
pub(super) async fn prune(
    transaction: &Transaction<'_>,
    from_ms: i64,
    limit: i64,
) -> Result<u64, Failure> {
    let statement = transaction.prepare_cached(PRUNE).await?;
    let week = int(Week::of_ms(from_ms).number());
    count(&transaction.query_one(&statement, &[&week, &limit]).await?, 0)
}
