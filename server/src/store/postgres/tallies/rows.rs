//! Rows of `tallies` and `tally_details`.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::log::number_of;
use crate::store::postgres::columns::{get, int};
use crate::store::postgres::connection::failure::Failure;
use crate::store::tally::{Folded, GROUPS_MAX, NAMES_MAX, TallyKey, TallyKind, TallyOwner};
use crate::store::{Counts, ErrorSample, PropertyFacts, Week};

/// A tally with its number and its counts.
pub(super) type Stored = (TallyKey<'static>, i64, Counts);

/// More tallies of a kind than there may be: keys name the sources.
const OF_KIND_MAX: i64 = 10_000_000;

pub(crate) const FIND: &str = "SELECT t.id, t.kind, t.owner, t.label, t.counts \
     FROM unnest($1::smallint[], $2::bytea[], $3::bytea[]) AS k (kind, owner, label) \
     CROSS JOIN LATERAL (SELECT id, kind, owner, label, counts FROM tallies \
     WHERE kind = k.kind AND owner = k.owner AND label = k.label LIMIT 1) AS t";
/// How many tallies with a label there are of each kind and, where one is given, owner. More than
/// `$3` make no difference. In order, so that they are counted in the index.
pub(crate) const COUNTED: &str = "SELECT CASE WHEN k.owner IS NULL \
     THEN (SELECT count(*) FROM (SELECT 1 FROM tallies WHERE kind = k.kind AND label <> '' \
     ORDER BY owner, label LIMIT $3) AS of_kind) \
     ELSE (SELECT count(*) FROM (SELECT 1 FROM tallies WHERE kind = k.kind AND owner = k.owner \
     AND label <> '' ORDER BY label LIMIT $3) AS of_owner) END \
     FROM unnest($1::smallint[], $2::bytea[]) WITH ORDINALITY AS k (kind, owner, place) \
     ORDER BY k.place";
/// Tallies of some kinds, at most `$2` of each. In order, so that they are found by the index.
pub(crate) const OF_KINDS: &str = "SELECT t.id, t.kind, t.owner, t.label, t.counts \
     FROM unnest($1::smallint[]) AS k (kind) CROSS JOIN LATERAL (SELECT id, kind, owner, label, counts \
     FROM tallies WHERE kind = k.kind ORDER BY owner, label LIMIT $2) AS t";
pub(crate) const INSERT: &str = "INSERT INTO tallies (kind, owner, label, counts) \
     SELECT * FROM unnest($1::smallint[], $2::bytea[], $3::bytea[], $4::bytea[]) \
     RETURNING id, kind, owner, label";
pub(crate) const UPDATE: &str = "UPDATE tallies SET counts = new.counts \
     FROM unnest($1::bigint[], $2::bytea[]) AS new (id, counts) WHERE tallies.id = new.id";
pub(crate) const DETAILS: &str = "SELECT id, json FROM tally_details WHERE id = ANY($1)";
pub(crate) const SET_DETAILS: &str = "INSERT INTO tally_details (id, oldest_week, json) \
     SELECT * FROM unnest($1::bigint[], $2::integer[], $3::text[]) \
     ON CONFLICT (id) DO UPDATE SET oldest_week = excluded.oldest_week, json = excluded.json";

/// The number of a kind, as the database keeps it.
pub(super) fn number(kind: TallyKind) -> i16 {
    i16::try_from(kind.number()).unwrap_or(i16::MAX)
}

/// A text of a tally.
pub(super) fn text(row: &Row, at: usize) -> Result<String, Failure> {
    let bytes: &[u8] = get(row, at)?;
    let text = std::str::from_utf8(bytes).map_err(|_| Failure::Column("a text of a tally"))?;
    Ok(text.to_owned())
}

/// The key in three columns from `at`.
fn key(row: &Row, at: usize) -> Result<TallyKey<'static>, Failure> {
    let kind = TallyKind::from_number(get::<i16>(row, at)?.into());
    let kind = kind.ok_or(Failure::Column("kind"))?;
    Ok(TallyKey { kind, owner: text(row, at + 1)?.into(), label: text(row, at + 2)?.into() })
}

/// The counts in a column.
pub(super) fn counts(row: &Row, at: usize) -> Result<Counts, Failure> {
    Counts::read(get(row, at)?).ok_or(Failure::Column("counts"))
}

fn stored(row: &Row) -> Result<Stored, Failure> {
    Ok((key(row, 1)?, get(row, 0)?, counts(row, 4)?))
}

/// Those of these tallies that are stored.
pub(super) async fn find<'k>(
    transaction: &Transaction<'_>,
    keys: impl Iterator<Item = &'k TallyKey<'static>>,
) -> Result<Vec<Stored>, Failure> {
    let (mut kinds, mut owners, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    for key in keys {
        kinds.push(number(key.kind));
        owners.push(key.owner.as_bytes());
        labels.push(key.label.as_bytes());
    }
    let find = transaction.prepare_cached(FIND).await?;
    let rows = transaction.query(&find, &[&kinds, &owners, &labels]).await?;
    rows.iter().map(stored).collect()
}

/// How many tallies these owners have, in their order.
pub(super) async fn counted(
    transaction: &Transaction<'_>,
    owners: &[TallyOwner],
) -> Result<Vec<usize>, Failure> {
    if owners.is_empty() {
        return Ok(Vec::new());
    }
    let kinds: Vec<_> = owners.iter().map(|owner| number(owner.kind())).collect();
    let sources: Vec<_> = owners.iter().map(|owner| owner.source().map(str::as_bytes)).collect();
    let counted = transaction.prepare_cached(COUNTED).await?;
    let max = i64::try_from(NAMES_MAX.max(GROUPS_MAX)).unwrap_or(i64::MAX);
    let rows = transaction.query(&counted, &[&kinds, &sources, &max]).await?;
    rows.iter().map(|row| number_of(row, 0)).collect()
}

/// All tallies of some kinds.
pub(super) async fn of_kinds(
    snapshot: &Transaction<'_>,
    kinds: &[TallyKind],
) -> Result<Vec<Stored>, Failure> {
    let kinds: Vec<_> = kinds.iter().copied().map(number).collect();
    let of_kinds = snapshot.prepare_cached(OF_KINDS).await?;
    snapshot.query(&of_kinds, &[&kinds, &OF_KIND_MAX]).await?.iter().map(stored).collect()
}

/// Writes tallies. Returns the number of each, in their order.
pub(super) async fn write(
    transaction: &Transaction<'_>,
    tallies: &[(&TallyKey<'static>, Option<i64>, &Counts)],
) -> Result<Vec<i64>, Failure> {
    let known = tallies.iter().filter_map(|(_, number, counts)| Some(((*number)?, counts.write())));
    let (ids, counts): (Vec<_>, Vec<_>) = known.unzip();
    if !ids.is_empty() {
        let update = transaction.prepare_cached(UPDATE).await?;
        transaction.execute(&update, &[&ids, &counts]).await?;
    }
    let new: Vec<_> = tallies.iter().filter(|(_, number, _)| number.is_none()).collect();
    let mut numbers = HashMap::new();
    if !new.is_empty() {
        let kinds: Vec<_> = new.iter().map(|(key, ..)| number(key.kind)).collect();
        let owners: Vec<_> = new.iter().map(|(key, ..)| key.owner.as_bytes()).collect();
        let labels: Vec<_> = new.iter().map(|(key, ..)| key.label.as_bytes()).collect();
        let counts: Vec<_> = new.iter().map(|(_, _, counts)| counts.write()).collect();
        let insert = transaction.prepare_cached(INSERT).await?;
        for row in transaction.query(&insert, &[&kinds, &owners, &labels, &counts]).await? {
            numbers.insert(key(&row, 1)?, get::<i64>(&row, 0)?);
        }
    }
    let number = |(key, number, _): &(&TallyKey<'static>, Option<i64>, &Counts)| {
        number.or_else(|| numbers.get(*key).copied()).ok_or(Failure::Column("id"))
    };
    tallies.iter().map(number).collect()
}

/// The texts of details, by the number of their tally.
async fn details(
    transaction: &Transaction<'_>,
    tallies: &[i64],
) -> Result<HashMap<i64, String>, Failure> {
    if tallies.is_empty() {
        return Ok(HashMap::new());
    }
    let details = transaction.prepare_cached(DETAILS).await?;
    let rows = transaction.query(&details, &[&tallies]).await?;
    rows.iter().map(|row| Ok((get(row, 0)?, get(row, 1)?))).collect()
}

/// What is known of the properties of names.
pub(super) async fn facts(
    transaction: &Transaction<'_>,
    tallies: &[i64],
) -> Result<HashMap<i64, PropertyFacts>, Failure> {
    let details = details(transaction, tallies).await?;
    let read = |(tally, json): (i64, String)| Ok((tally, read_facts(&json)?));
    details.into_iter().map(read).collect()
}

/// What a text says of properties.
pub(super) fn read_facts(json: &str) -> Result<PropertyFacts, Failure> {
    serde_json::from_str(json).map_err(|_| Failure::Column("json"))
}

/// Samples of groups of errors.
pub(super) async fn samples(
    transaction: &Transaction<'_>,
    tallies: &[i64],
) -> Result<HashMap<i64, ErrorSample>, Failure> {
    let details = details(transaction, tallies).await?;
    let read = |json: String| serde_json::from_str(&json).map_err(|_| Failure::Column("json"));
    details.into_iter().map(|(tally, json)| Ok((tally, read(json)?))).collect()
}

/// Details to write: the number of their tally, their oldest week, and their text.
#[derive(Debug, Default)]
pub(super) struct NewDetails {
    tallies: Vec<i64>,
    weeks: Vec<Option<i32>>,
    texts: Vec<String>,
}

impl NewDetails {
    pub(super) fn facts(&mut self, tally: i64, facts: &PropertyFacts) -> Result<(), Failure> {
        self.put(tally, facts.oldest_week(), serde_json::to_string(facts))
    }

    pub(super) fn sample(
        &mut self,
        tally: i64,
        week: Week,
        sample: &ErrorSample,
    ) -> Result<(), Failure> {
        self.put(tally, Some(week), serde_json::to_string(sample))
    }

    fn put(
        &mut self,
        tally: i64,
        week: Option<Week>,
        json: serde_json::Result<String>,
    ) -> Result<(), Failure> {
        self.texts.push(json.map_err(|_| Failure::Column("json"))?);
        self.tallies.push(tally);
        self.weeks.push(week.map(|week| int(week.number())));
        Ok(())
    }

    /// Writes them.
    pub(super) async fn write(self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        if self.tallies.is_empty() {
            return Ok(());
        }
        let set = transaction.prepare_cached(SET_DETAILS).await?;
        transaction.execute(&set, &[&self.tallies, &self.weeks, &self.texts]).await?;
        Ok(())
    }
}

/// Writes tallies with what the log added to them.
pub(super) async fn write_folded(
    transaction: &Transaction<'_>,
    folded: &[Folded],
) -> Result<(), Failure> {
    let tallies: Vec<_> = folded.iter().map(|it| (&it.key, it.number, &it.counts)).collect();
    let numbers = write(transaction, &tallies).await?;
    let with_facts = folded.iter().zip(&numbers).filter(|(it, _)| it.facts.is_some());
    let with_facts: Vec<i64> = with_facts.map(|(_, number)| *number).collect();
    let mut known = facts(transaction, &with_facts).await?;
    let mut details = NewDetails::default();
    for (it, tally) in folded.iter().zip(numbers) {
        if let Some(more) = &it.facts {
            let mut facts = known.remove(&tally).unwrap_or_default();
            facts.then(more);
            details.facts(tally, &facts)?;
        }
        if let Some((week, sample)) = &it.sample {
            details.sample(tally, *week, sample)?;
        }
    }
    details.write(transaction).await
}
