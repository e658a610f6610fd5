//! Pages of events over all weeks.
//!
//! First the ids of rows are read, with whether each row matches, over a limited number of rows.
//! Then those that match are read, a few at a time, until the page is full.

use std::collections::HashMap;

use tokio_postgres::Row;
use uuid::Uuid;

use super::event_row;
use super::event_scan::{self, span};
use super::reading::Reading;
use super::runs;
use crate::store::event_page::{NumberPage, PagePart};
use crate::store::page_budget::PageBudget;
use crate::store::postgres::apply::{ledgers, weeks};
use crate::store::postgres::columns::{get, row_id};
use crate::store::postgres::connection::failure::Failure;
use crate::store::{EventFilter, EventPage, EventQuery, Position, RowId, Week};

/// The most weeks that one page reads.
const WEEKS_MAX: usize = 64;
/// How many rows are looked at in one statement, at first and then.
const LOOKED_AT: [u32; 4] = [64, 256, 1_024, 1_024];
/// The same if their properties are needed, which may be large.
const LOOKED_AT_WITH_PROPERTIES: u32 = 256;
/// How many events are read in one statement.
const READ: usize = 128;

/// A row that may be in the page.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    position: Position,
    id: RowId,
    matches: bool,
}

/// A page of events, newest first.
pub(crate) async fn page(reading: &Reading<'_>, query: &EventQuery) -> Result<EventPage, Failure> {
    match query.filter.producer {
        Some(_) => by_number(reading, query).await,
        None => by_row(reading, query).await,
    }
}

/// Row ids are in the order of weeks, so the weeks are read one after the other until the page is
/// full.
async fn by_row(reading: &Reading<'_>, query: &EventQuery) -> Result<EventPage, Failure> {
    let (oldest, mut newest) = query.filter.weeks();
    if let Some(Position::Row(row)) = query.after {
        newest = newest.min(Week::of_row(row));
    }
    let weeks = weeks::between(reading, (oldest, newest), WEEKS_MAX + 1).await?;
    let mut budget = PageBudget::new(query.limit, reading.budget());
    let (mut page, mut last) = (EventPage::default(), query.after);
    for (at, week) in weeks.iter().enumerate() {
        if at == WEEKS_MAX {
            page.next = Some(Position::Row(weeks[at - 1].first_row()));
            break;
        }
        let part = scan(reading, query, *week, &mut budget).await?;
        page.events.extend(part.events);
        last = part.last.or(last);
        if part.has_more {
            page.next = last;
            break;
        }
    }
    Ok(page)
}

/// The events of one week that `query` asks for, as far as `budget` allows.
async fn scan(
    reading: &Reading<'_>,
    query: &EventQuery,
    week: Week,
    budget: &mut PageBudget,
) -> Result<PagePart, Failure> {
    let filter = &query.filter;
    let after = match query.after {
        Some(Position::Row(row)) => Some(row),
        _ => None,
    };
    let (from, mut to) = span(filter, week, after);
    let mut part = PagePart::default();
    let enough = u32::try_from(budget.events().saturating_add(1)).unwrap_or(u32::MAX);
    let mut sizes = LOOKED_AT.into_iter().filter(|size| *size >= enough.min(LOOKED_AT[3]));
    let mut rows_max = LOOKED_AT[3];
    while from < to {
        rows_max = sizes.next().unwrap_or(rows_max);
        if !filter.properties.is_empty() {
            rows_max = LOOKED_AT_WITH_PROPERTIES;
        }
        let statement = event_scan::along_index(columns(filter), filter, (from, to), rows_max);
        let rows = statement.query(reading).await?;
        let candidates = rows.iter().map(|row| {
            let id = row_id(row, 0)?;
            Ok(Candidate { position: Position::Row(id), id, matches: matches(row, filter)? })
        });
        let candidates = candidates.collect::<Result<Vec<_>, Failure>>()?;
        fill(reading, &candidates, budget, &mut part).await?;
        if part.has_more || rows.len() < rows_max as usize {
            break;
        }
        to = candidates.last().map_or(from, |last| last.id.0);
    }
    Ok(part)
}

/// A row's id, and its properties if a filter needs them.
pub(crate) fn columns(filter: &EventFilter) -> &'static str {
    if filter.properties.is_empty() { "id, NULL::text" } else { "id, properties::text" }
}

/// Whether a row with [`columns`] holds all that `filter` names and its index does not answer.
pub(crate) fn matches(row: &Row, filter: &EventFilter) -> Result<bool, Failure> {
    Ok(get(row, 2)? && filter.has_properties(get(row, 1)?))
}

/// Reads candidates, as far as `budget` allows.
async fn fill(
    reading: &Reading<'_>,
    candidates: &[Candidate],
    budget: &mut PageBudget,
    part: &mut PagePart,
) -> Result<(), Failure> {
    let mut rest = candidates;
    loop {
        let (mut looked_at, mut wanted, mut left) = (0, Vec::new(), *budget);
        for candidate in rest {
            if left.is_spent() || wanted.len() >= left.events().min(READ) {
                break;
            }
            left.take_row();
            looked_at += 1;
            if candidate.matches {
                wanted.push(candidate.id);
            }
        }
        let (now, later) = rest.split_at(looked_at);
        if now.is_empty() {
            part.has_more |= !rest.is_empty();
            return Ok(());
        }
        let mut found = event_row::by_ids(reading, &wanted).await?;
        for candidate in now {
            if budget.is_spent() {
                part.has_more = true;
                return Ok(());
            }
            budget.take_row();
            part.last = Some(candidate.position);
            if candidate.matches
                && let Some(event) = found.remove(&candidate.id)
            {
                budget.take_event(event.json_bytes());
                part.events.push(event);
            }
        }
        rest = later;
    }
}

/// A producer lives as long as a page, so there are one or two weeks, and nearly always one scope.
async fn by_number(reading: &Reading<'_>, query: &EventQuery) -> Result<EventPage, Failure> {
    let Some(producer) = query.filter.producer else { return Ok(EventPage::default()) };
    let source = query.filter.source.as_deref();
    let (oldest, newest) = query.filter.weeks();
    let mut page = NumberPage::new(query.limit);
    for stored in ledgers::of_producer(reading, producer, source).await? {
        let heard = stored.ledger.heard_weeks();
        let weeks = (oldest.max(heard.0), newest.min(heard.1));
        for week in weeks::between(reading, weeks, usize::MAX >> 1).await? {
            // Each week has a budget of its own, so that none is left out.
            let mut budget = PageBudget::new(query.limit, reading.budget());
            let owner = (producer, stored.ledger.scope());
            page.add(scan_numbers(reading, query, owner, week, &mut budget).await?);
        }
    }
    Ok(page.finish())
}

/// The events of the query's producer in one week, of those whose numbers count in a scope.
async fn scan_numbers(
    reading: &Reading<'_>,
    query: &EventQuery,
    owner: (lamplight_wire::Producer, &str),
    week: Week,
    budget: &mut PageBudget,
) -> Result<PagePart, Failure> {
    let mut part = PagePart::default();
    // The same number may be in a row of another scope, before or after the position.
    let place = match query.after {
        Some(Position::Seq(seq, id)) => Some((seq, id)),
        _ => None,
    };
    let last_number = place.map_or(u64::MAX, |(seq, _)| seq);
    let mut before = last_number.saturating_add(1);
    loop {
        let found = runs::before(reading, owner, week, before).await?;
        let mut candidates = Vec::new();
        for (at, run) in found.iter().enumerate() {
            before = run.first;
            let mut run = *run;
            run.last = run.last.min(last_number);
            if let Some(run) = run.before(place) {
                let position = |seq| Position::Seq(seq, run.row(seq));
                if query.filter.is_in_time(run.first_id) {
                    candidates.extend((run.first..=run.last).rev().map(|seq| Candidate {
                        position: position(seq),
                        id: run.row(seq),
                        matches: true,
                    }));
                } else {
                    let position = position(run.first);
                    candidates.push(Candidate { position, id: run.first_id, matches: false });
                }
            }
            if candidates.len() >= LOOKED_AT_WITH_PROPERTIES as usize || at + 1 == found.len() {
                test(reading, &query.filter, &mut candidates).await?;
                fill(reading, &candidates, budget, &mut part).await?;
                candidates.clear();
                if part.has_more {
                    return Ok(part);
                }
            }
        }
        if found.len() < runs::AT_A_TIME {
            return Ok(part);
        }
    }
}

/// Tests the candidates that may match.
async fn test(
    reading: &Reading<'_>,
    filter: &EventFilter,
    candidates: &mut [Candidate],
) -> Result<(), Failure> {
    let ids: Vec<Uuid> = candidates.iter().filter(|it| it.matches).map(|it| it.id.0).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let rows = event_scan::of_ids(columns(filter), filter, ids).query(reading).await?;
    let mut tested = HashMap::with_capacity(rows.len());
    for row in &rows {
        tested.insert(row_id(row, 0)?, matches(row, filter)?);
    }
    for candidate in candidates.iter_mut() {
        candidate.matches &= tested.get(&candidate.id).copied().unwrap_or(false);
    }
    Ok(())
}
