//! Reads of tallies: what is stored, with what the log adds to it.

use std::collections::HashMap;
use std::sync::Arc;

use deadpool_postgres::Transaction;
use tokio_postgres::types::ToSql;

use super::{fold_if_possible, log, rows};
use crate::store::postgres::columns::get;
use crate::store::postgres::connection::database::{Database, Work};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::shards::hidden;
use crate::store::tally::{Folded, TallyKey, TallyKind, Wanted};
use crate::store::{
    CatalogueName, CataloguePage, CatalogueQuery, Counts, ErrorGroup, ErrorPage, ErrorQuery,
    ErrorSample, ErrorStage, NameProperties, StoreError, Traffic, TrafficQuery,
};

/// How often a long log is added to the tallies before a read, which is slow with one.
const FOLDS_MAX: u32 = 3;

/// Names from `($1, $2)` on, at most `$3`: of all sources, or of the source `$1`, and only those
/// that more conditions are for. A condition that may be for nothing would keep the planner from
/// reading the index in its order.
pub(crate) fn names_sql(of_source: bool, conditions: &str) -> String {
    let from = if of_source { "owner = $1 AND label >= $2" } else { "(owner, label) >= ($1, $2)" };
    format!(
        "SELECT id, owner, label, counts FROM tallies WHERE kind = 1 AND {from}{conditions} \
         ORDER BY owner, label LIMIT $3"
    )
}

/// Reads in a snapshot in which the log is not long, if that can be had.
pub(super) async fn exact<T: Send>(
    database: &Database,
    doing: &'static str,
    work: impl for<'t> Fn(&'t Transaction<'_>) -> Work<'t, T> + Send + Sync + 'static,
) -> Result<T, StoreError> {
    let work = Arc::new(work);
    for attempt in 0..=FOLDS_MAX {
        let work = Arc::clone(&work);
        let reading = database.read(doing, move |snapshot| {
            Box::pin(async move {
                let must_wait = attempt < FOLDS_MAX && log::is_long(snapshot).await?;
                if must_wait { Ok(None) } else { work(snapshot).await.map(Some) }
            })
        });
        if let Some(read) = reading.await? {
            return Ok(read);
        }
        fold_if_possible(database).await;
    }
    Err(StoreError::database(doing, std::io::Error::other("the log of tallies is too long")))
}

/// What the log adds to the tallies that are wanted. Whether one has room depends on all others of
/// its owner, so all of them are.
async fn added(
    snapshot: &Transaction<'_>,
    wanted: impl Fn(&TallyKey<'_>) -> Wanted,
) -> Result<Vec<Folded>, Failure> {
    let log = log::read(snapshot, wanted).await?;
    log::folded(snapshot, log).await
}

/// What is counted here of tallies of some kinds, and in another shard too.
async fn hidden_counts(
    snapshot: &Transaction<'_>,
    kinds: &[TallyKind],
) -> Result<HashMap<TallyKey<'static>, Counts>, Failure> {
    let hidden = hidden::counts(snapshot).await?;
    Ok(hidden.map(|counts| counts.tallies(|kind| kinds.contains(&kind))).unwrap_or_default())
}

/// Takes away what another shard shows of a tally. Says whether anything is left.
fn take_away(
    hidden: &HashMap<TallyKey<'static>, Counts>,
    key: &TallyKey<'static>,
    counts: &mut Counts,
) -> bool {
    let Some(other) = hidden.get(key) else { return true };
    counts.merge(other, -1, key.kind.kept());
    counts.total() > 0
}

fn catalogue_name(key: TallyKey<'static>, counts: Counts) -> CatalogueName {
    CatalogueName { source: key.owner.into_owned(), name: key.label.into_owned(), counts }
}

pub(super) async fn names(
    snapshot: &Transaction<'_>,
    query: &CatalogueQuery,
) -> Result<CataloguePage, Failure> {
    let is_wanted = |key: &TallyKey<'_>| {
        let is_of_source = query.source.as_ref().is_none_or(|source| *source == key.owner);
        if key.kind == TallyKind::Name && is_of_source { Wanted::Counts } else { Wanted::Nothing }
    };
    let (mut known, mut names) = (HashMap::new(), Vec::new());
    for it in added(snapshot, is_wanted).await? {
        match it.number {
            Some(number) => {
                known.insert(number, it.counts);
            }
            None if query.wants(&it.key.owner, &it.key.label) => {
                names.push(catalogue_name(it.key, it.counts));
            }
            None => {}
        }
    }
    for (number, mut name) in stored_names(snapshot, query).await? {
        if let Some(counts) = known.remove(&number) {
            name.counts = counts;
        }
        names.push(name);
    }
    names.sort_by(|a, b| (&a.source, &a.name).cmp(&(&b.source, &b.name)));
    names.truncate(query.limit as usize + 1);
    let mut page = CataloguePage::new(names, query.limit);
    let hidden = hidden_counts(snapshot, &[TallyKind::Name]).await?;
    if !hidden.is_empty() {
        page.names.retain_mut(|it| {
            let key = TallyKey::new(TallyKind::Name, &it.source, &it.name).into_owned();
            take_away(&hidden, &key, &mut it.counts)
        });
    }
    Ok(page)
}

/// The names of a page that are stored, and one more if there are more. Reads the index from the
/// first name that may be wanted on.
async fn stored_names(
    snapshot: &Transaction<'_>,
    query: &CatalogueQuery,
) -> Result<Vec<(i64, CatalogueName)>, Failure> {
    let after = query.after.as_ref();
    let source = query.source.as_deref().or(after.map(|it| it.source.as_str())).unwrap_or("");
    let least = [query.name.as_deref(), query.prefix.as_deref()].into_iter().flatten();
    // Without a source, a later source may have an earlier name.
    let least = least.filter(|_| query.source.is_some());
    let after = after.filter(|it| it.source == source).map(|it| it.name.as_str());
    let least = least.chain(after).max().unwrap_or("");
    // One more than wanted, and the one that the page comes after.
    let limit = i64::from(query.limit) + 2;
    let (source, least) = (source.as_bytes(), least.as_bytes());
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&source, &least, &limit];
    let (name, prefix) = (query.name.as_deref(), query.prefix.as_deref());
    let (name, prefix) = (name.map(str::as_bytes), prefix.map(str::as_bytes));
    let mut conditions = String::new();
    if let Some(name) = &name {
        values.push(name);
        let at = values.len();
        conditions = format!("{conditions} AND label = ${at}");
    }
    if let Some(prefix) = &prefix {
        values.push(prefix);
        let at = values.len();
        conditions =
            format!("{conditions} AND substring(label FOR octet_length(${at}::bytea)) = ${at}");
    }
    let sql = names_sql(query.source.is_some(), &conditions);
    let statement = snapshot.prepare_cached(&sql).await?;
    let rows = snapshot.query(&statement, &values).await?;
    let mut names = Vec::with_capacity(rows.len());
    for row in &rows {
        let (source, name) = (rows::text(row, 1)?, rows::text(row, 2)?);
        if query.wants(&source, &name) {
            let counts = rows::counts(row, 3)?;
            names.push((get(row, 0)?, CatalogueName { source, name, counts }));
        }
    }
    Ok(names)
}

pub(super) async fn properties(
    snapshot: &Transaction<'_>,
    source: &str,
    name: &str,
) -> Result<Option<NameProperties>, Failure> {
    let own = TallyKey::new(TallyKind::Name, source, name);
    let added = added(snapshot, |key| match key {
        key if *key == own => Wanted::Everything,
        key if key.kind == TallyKind::Name && key.owner == source => Wanted::Counts,
        _ => Wanted::Nothing,
    });
    let mut added = added.await?.into_iter().find(|it| it.key == own);
    let more = added.as_mut().and_then(|it| it.facts.take());
    let (number, mut counts) = match added {
        Some(it) => (it.number, it.counts),
        None => match rows::find(snapshot, [own.clone().into_owned()].iter()).await?.pop() {
            Some((_, number, counts)) => (Some(number), counts),
            None => return Ok(None),
        },
    };
    let hidden = hidden_counts(snapshot, &[TallyKind::Name]).await?;
    if !take_away(&hidden, &own.clone().into_owned(), &mut counts) {
        return Ok(None);
    }
    let mut facts = match number {
        Some(number) => rows::facts(snapshot, &[number]).await?.remove(&number).unwrap_or_default(),
        None => crate::store::PropertyFacts::default(),
    };
    if let Some(more) = more {
        facts.then(&more);
    }
    Ok(Some(NameProperties { name: catalogue_name(own.into_owned(), counts), facts }))
}

/// A tally, and the last error of it that is in the log.
struct Told {
    key: TallyKey<'static>,
    number: Option<i64>,
    counts: Counts,
    sample: Option<ErrorSample>,
}

/// All tallies of some kinds, which have few: those of sources, or groups of errors.
async fn all(snapshot: &Transaction<'_>, kinds: &[TallyKind]) -> Result<Vec<Told>, Failure> {
    let is_wanted = |key: &TallyKey<'_>| {
        if kinds.contains(&key.kind) { Wanted::Everything } else { Wanted::Nothing }
    };
    let (mut known, mut told) = (HashMap::new(), Vec::new());
    for Folded { key, number, counts, sample, .. } in added(snapshot, is_wanted).await? {
        let it = Told { key, number, counts, sample: sample.map(|(_, sample)| sample) };
        match number {
            Some(number) => {
                known.insert(number, it);
            }
            None => told.push(it),
        }
    }
    for (key, number, counts) in rows::of_kinds(snapshot, kinds).await? {
        let stored = Told { key, number: Some(number), counts, sample: None };
        told.push(known.remove(&number).unwrap_or(stored));
    }
    let hidden = hidden_counts(snapshot, kinds).await?;
    told.retain_mut(|it| take_away(&hidden, &it.key, &mut it.counts));
    Ok(told)
}

pub(super) async fn traffic(
    snapshot: &Transaction<'_>,
    query: &TrafficQuery,
) -> Result<Traffic, Failure> {
    let kinds = [TallyKind::Stored, TallyKind::Duplicates, TallyKind::Invalid];
    let told = all(snapshot, &kinds).await?.into_iter();
    Ok(query.add_up(told.map(|it| (it.key.kind, it.key.owner.into_owned(), it.counts))))
}

pub(super) async fn errors(
    snapshot: &Transaction<'_>,
    query: &ErrorQuery,
) -> Result<ErrorPage, Failure> {
    let stages =
        ErrorStage::ALL.into_iter().filter(|it| query.stage.is_none_or(|stage| stage == *it));
    let kinds: Vec<_> = stages.map(TallyKind::Error).collect();
    let groups = all(snapshot, &kinds).await?.into_iter().filter_map(|it| {
        let TallyKind::Error(stage) = it.key.kind else { return None };
        Some(ErrorGroup {
            stage,
            code: it.key.label.into_owned(),
            owner: it.key.owner.into_owned(),
            counts: it.counts,
            sample: it.sample,
            number: it.number.unwrap_or(0),
        })
    });
    let mut page = query.page(groups);
    let unknown = page.groups.iter().filter(|group| group.sample.is_none());
    let unknown: Vec<i64> = unknown.map(|group| group.number).collect();
    let mut samples = rows::samples(snapshot, &unknown).await?;
    for group in page.groups.iter_mut().filter(|group| group.sample.is_none()) {
        group.sample = samples.remove(&group.number);
    }
    Ok(page)
}
