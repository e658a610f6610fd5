//! Pages of events over all weeks.

use super::events::{PageBudget, PagePart, scan};
use crate::store::sqlite::apply::ledgers;
use crate::store::sqlite::weeks::catalog;
use crate::store::sqlite::weeks::readers::Reading;
use crate::store::{EventFilter, EventPage, EventQuery, EventRow, Position, Week};

/// The most files that one page opens.
const WEEKS_MAX: usize = 64;

/// A page of events, newest first.
pub(crate) fn page(reading: &Reading<'_>, query: &EventQuery) -> rusqlite::Result<EventPage> {
    match query.filter.producer {
        Some(producer) => match ledgers::find(reading, producer)? {
            Some(ledger) => by_number(reading, query, ledger.heard_weeks()),
            None => Ok(EventPage::default()),
        },
        None => by_row(reading, query),
    }
}

/// Row ids are in the order of weeks, so the files are read one after the other until the page is
/// full.
fn by_row(reading: &Reading<'_>, query: &EventQuery) -> rusqlite::Result<EventPage> {
    let (oldest, mut newest) = span(&query.filter);
    if let Some(Position::Row(row)) = query.after {
        newest = newest.min(Week::of_row(row));
    }
    let weeks = catalog::between(reading, (oldest, newest), WEEKS_MAX + 1)?;
    let mut budget = PageBudget::new(query.limit, reading.budget());
    let (mut page, mut last) = (EventPage::default(), query.after);
    for (at, week) in weeks.iter().enumerate() {
        if at == WEEKS_MAX {
            page.next = Some(Position::Row(weeks[at - 1].first_row()));
            break;
        }
        let found = reading.week(*week, |events| scan(events, query, &mut budget))?;
        let PagePart { events, last: last_in_week, has_more } = found.unwrap_or_default();
        page.events.extend(events);
        last = last_in_week.or(last);
        if has_more {
            page.next = last;
            break;
        }
    }
    Ok(page)
}

/// The numbers of one producer may have arrived in any order, so its weeks are merged. A producer
/// lives as long as a page, so there are one or two of them.
fn by_number(
    reading: &Reading<'_>,
    query: &EventQuery,
    heard: (Week, Week),
) -> rusqlite::Result<EventPage> {
    let (oldest, newest) = span(&query.filter);
    let weeks = (oldest.max(heard.0), newest.min(heard.1));
    let seq = |event: &EventRow| event.number.map_or(0, |(_, seq)| seq);
    let (mut merged, mut looked_down_to) = (Vec::new(), 0);
    for week in catalog::between(reading, weeks, usize::MAX >> 1)? {
        // Each week has a budget of its own, so that none is left out.
        let mut budget = PageBudget::new(query.limit, reading.budget());
        let found = reading.week(week, |events| scan(events, query, &mut budget))?;
        let PagePart { events, last, has_more } = found.unwrap_or_default();
        if has_more && let Some(Position::Seq(seq)) = last {
            looked_down_to = looked_down_to.max(seq);
        }
        merged.extend(events);
        merged.sort_unstable_by_key(|event| std::cmp::Reverse(seq(event)));
        // Below this number, some week was not read.
        merged.retain(|event| seq(event) >= looked_down_to);
        if merged.len() > query.limit as usize {
            merged.truncate(query.limit as usize);
            looked_down_to = looked_down_to.max(merged.last().map_or(0, seq));
        }
    }
    let next = (looked_down_to > 0).then_some(Position::Seq(looked_down_to));
    Ok(EventPage { events: merged, next })
}

/// The weeks that the filter's times of receipt are in.
pub(crate) fn span(filter: &EventFilter) -> (Week, Week) {
    let oldest = Week::of_ms(filter.from_ms.unwrap_or(0));
    let newest = Week::of_ms(filter.to_ms.map_or(i64::MAX, |to_ms| to_ms.saturating_sub(1)));
    (oldest, newest)
}
