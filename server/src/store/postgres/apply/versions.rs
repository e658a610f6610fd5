//! Versions of profiles, which rows of events refer to. All that one needs are in the week of its
//! rows.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use uuid::Uuid;

use crate::store::apply::VersionWrite;
use crate::store::postgres::columns::{big, count, get, hash, int};
use crate::store::postgres::connection::failure::Failure;
use crate::store::{LatestVersion, ProfileKey, ShownProfile, Week};

/// The texts that versions add up to, in their order.
pub(crate) const TEXTS: &str = "SELECT w.key, w.week, w.revision, part.json \
     FROM unnest($1::uuid[], $2::integer[], $3::bigint[]) AS w (key, week, revision) \
     JOIN profile_versions AS last ON last.key = w.key AND last.week = w.week AND last.revision = w.revision \
     JOIN profile_versions AS part ON part.key = w.key AND part.week = w.week \
       AND part.revision BETWEEN last.base AND w.revision \
     ORDER BY w.key, w.week, w.revision, part.revision";
/// The newest version of each of some profiles in a week.
pub(crate) const NEWEST: &str = "SELECT k.key, v.revision, v.base, v.changed_bytes FROM unnest($1::uuid[]) AS k (key) \
     CROSS JOIN LATERAL (SELECT revision, base, changed_bytes FROM profile_versions \
       WHERE key = k.key AND week = $2 ORDER BY revision DESC LIMIT 1) AS v";
const ADD: &str = "INSERT INTO profile_versions (key, week, revision, base, changed_bytes, json) \
     SELECT key, $2, revision, base, changed_bytes, json \
     FROM unnest($1::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[]) AS new (key, revision, base, changed_bytes, json)";

/// The key of a profile, as the tables have it.
pub(crate) fn key(key: ProfileKey<'_>) -> Uuid {
    hash(&key.to_string())
}

/// A version: its profile, its week and its number.
pub(crate) type VersionKey = (Uuid, Week, i64);

/// What versions show, of those that are there.
pub(crate) async fn shown(
    transaction: &Transaction<'_>,
    mut wanted: Vec<VersionKey>,
) -> Result<HashMap<VersionKey, String>, Failure> {
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let keys: Vec<Uuid> = wanted.iter().map(|(key, ..)| *key).collect();
    let weeks: Vec<i32> = wanted.iter().map(|(_, week, _)| int(week.number())).collect();
    let revisions: Vec<i64> = wanted.iter().map(|(.., revision)| *revision).collect();
    let statement = transaction.prepare_cached(TEXTS).await?;
    let rows = transaction.query(&statement, &[&keys, &weeks, &revisions]).await?;
    let mut texts: HashMap<VersionKey, Vec<&str>> = HashMap::new();
    for row in &rows {
        let week = u32::try_from(get::<i32>(row, 1)?).map_err(|_| Failure::Column("week"))?;
        let version = (get(row, 0)?, Week::from_number(week), get(row, 2)?);
        texts.entry(version).or_default().push(get(row, 3)?);
    }
    let shown = texts
        .into_iter()
        .filter_map(|(version, texts)| ShownProfile::add_up(texts).map(|shown| (version, shown)));
    Ok(shown.collect())
}

/// The newest version of each of these profiles in a week, without what it shows.
pub(super) async fn newest(
    transaction: &Transaction<'_>,
    keys: &[Uuid],
    week: Week,
) -> Result<HashMap<Uuid, LatestVersion>, Failure> {
    let statement = transaction.prepare_cached(NEWEST).await?;
    let rows = transaction.query(&statement, &[&keys, &int(week.number())]).await?;
    let read = |row| {
        let latest = LatestVersion {
            revision: count(row, 1)?,
            base: count(row, 2)?,
            changed_bytes: count(row, 3)?,
            shown: None,
        };
        Ok((get(row, 0)?, latest))
    };
    rows.iter().map(read).collect()
}

/// Writes versions of a week.
pub(super) async fn save(
    transaction: &Transaction<'_>,
    week: Week,
    versions: &[VersionWrite<'_>],
) -> Result<(), Failure> {
    if versions.is_empty() {
        return Ok(());
    }
    let keys: Vec<Uuid> = versions.iter().map(|it| key(it.key)).collect();
    let number = |of: fn(&VersionWrite<'_>) -> u64| -> Vec<i64> {
        versions.iter().map(|it| big(of(it))).collect()
    };
    let (revisions, bases) = (number(|it| it.version.revision), number(|it| it.version.base));
    let changed = number(|it| it.version.changed_bytes);
    let texts: Vec<&str> = versions.iter().map(|it| it.version.json.as_str()).collect();
    let statement = transaction.prepare_cached(ADD).await?;
    let week = int(week.number());
    transaction.execute(&statement, &[&keys, &week, &revisions, &bases, &changed, &texts]).await?;
    Ok(())
}
