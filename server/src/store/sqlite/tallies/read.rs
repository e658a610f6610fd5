//! Reads of tallies.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, params};

use super::details;
use super::rows::{self, counts, kind};
use crate::store::tally::{TallyKind, TallyLog};
use crate::store::{
    CatalogueName, CataloguePage, CatalogueQuery, Counts, ErrorGroup, ErrorPage, ErrorQuery,
    ErrorStage, NameProperties, Traffic, TrafficQuery,
};

/// A tally that was read: its number, its owner and its label.
type Found = (i64, String, String);
/// A tally with its kind and its counts.
type Counted = (i64, TallyKind, String, String, Counts);

fn log(store: &Connection) -> rusqlite::Result<TallyLog> {
    Ok(rows::log(store)?.unwrap_or_default())
}

pub(super) fn names(store: &Connection, query: &CatalogueQuery) -> rusqlite::Result<CataloguePage> {
    let log = log(store)?;
    let mut names = Vec::new();
    for (tally, source, name) in wanted_names(store, query)? {
        if let Some((_, counts)) = rows::with_log(store, tally, &log)? {
            names.push(CatalogueName { source, name, counts });
        }
    }
    Ok(CataloguePage::new(names, query.limit))
}

/// The names of a page, and one more if there are more. Reads only the index, from the first name
/// that may be wanted on: their number is limited.
fn wanted_names(store: &Connection, query: &CatalogueQuery) -> rusqlite::Result<Vec<Found>> {
    let after = query.after.as_ref();
    let source = query.source.as_deref().or(after.map(|it| it.source.as_str())).unwrap_or("");
    let least = [query.name.as_deref(), query.prefix.as_deref()].into_iter().flatten();
    // Without a source, a later source may have an earlier name.
    let least = least.filter(|_| query.source.is_some());
    let after = after.filter(|it| it.source == source).map(|it| it.name.as_str());
    let name = least.chain(after).max().unwrap_or("");
    let mut statement = store.prepare_cached(
        "SELECT id, owner, label FROM tallies WHERE kind = ?1 AND (owner, label) >= (?2, ?3) \
         ORDER BY owner, label",
    )?;
    let mut found = Vec::new();
    let mut rows = statement.query(params![TallyKind::Name.number(), source, name])?;
    while let Some(row) = rows.next()? {
        let (source, name): (String, String) = (row.get(1)?, row.get(2)?);
        if is_past(query, &source, &name).is_break() {
            break;
        }
        if query.wants(&source, &name) {
            found.push((row.get(0)?, source, name));
            if found.len() > query.limit as usize {
                break;
            }
        }
    }
    Ok(found)
}

/// Whether no later name can be wanted.
fn is_past(query: &CatalogueQuery, source: &str, name: &str) -> ControlFlow<()> {
    let Some(wanted) = query.source.as_deref() else { return ControlFlow::Continue(()) };
    let is_past_prefix =
        |prefix: &String| name > prefix.as_str() && !name.starts_with(prefix.as_str());
    let is_past = wanted != source
        || query.name.as_deref().is_some_and(|wanted| name > wanted)
        || query.prefix.as_ref().is_some_and(is_past_prefix);
    if is_past { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

pub(super) fn properties(
    store: &Connection,
    source: String,
    name: String,
) -> rusqlite::Result<Option<NameProperties>> {
    let found: Option<i64> = store
        .prepare_cached("SELECT id FROM tallies WHERE kind = ?1 AND owner = ?2 AND label = ?3")?
        .query_row(params![TallyKind::Name.number(), source, name], |row| row.get(0))
        .optional()?;
    let Some(tally) = found else { return Ok(None) };
    let Some((_, counts)) = rows::with_log(store, tally, &log(store)?)? else { return Ok(None) };
    let name = CatalogueName { source, name, counts };
    let facts = details::facts(store, tally)?.unwrap_or_default();
    Ok(Some(NameProperties { name, facts }))
}

/// All tallies of some kinds, which have few: those of sources, or groups of errors.
fn all(
    store: &Connection,
    kinds: impl IntoIterator<Item = TallyKind>,
) -> rusqlite::Result<Vec<Counted>> {
    let log = log(store)?;
    let mut statement = store.prepare_cached(
        "SELECT id, kind, owner, label, counts FROM tallies WHERE kind = ?1 ORDER BY owner, label",
    )?;
    let mut found = Vec::new();
    for wanted in kinds {
        let mut rows = statement.query([wanted.number()])?;
        while let Some(row) = rows.next()? {
            let (tally, kind, mut counts) = (row.get(0)?, kind(row, 1)?, counts(row, 4)?);
            if let Some(seen) = log.get(tally) {
                seen.add_to(&mut counts, kind);
            }
            found.push((tally, kind, row.get(2)?, row.get(3)?, counts));
        }
    }
    Ok(found)
}

pub(super) fn traffic(store: &Connection, query: &TrafficQuery) -> rusqlite::Result<Traffic> {
    let kinds = [TallyKind::Stored, TallyKind::Duplicates, TallyKind::Invalid];
    let tallies = all(store, kinds)?;
    Ok(query.add_up(tallies.into_iter().map(|(_, kind, source, _, counts)| (kind, source, counts))))
}

pub(super) fn errors(store: &Connection, query: &ErrorQuery) -> rusqlite::Result<ErrorPage> {
    let stages =
        ErrorStage::ALL.into_iter().filter(|it| query.stage.is_none_or(|stage| stage == *it));
    let tallies = all(store, stages.map(TallyKind::Error))?;
    let groups = tallies.into_iter().filter_map(|(tally, kind, owner, code, counts)| {
        let TallyKind::Error(stage) = kind else { return None };
        Some(ErrorGroup { stage, code, owner, counts, sample: None, number: tally })
    });
    let mut page = query.page(groups);
    for group in &mut page.groups {
        group.sample = details::sample(store, group.number)?;
    }
    Ok(page)
}
