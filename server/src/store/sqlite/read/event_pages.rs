//! Pages of events over all weeks.

use super::events::{scan, scan_numbers};
use crate::store::event_page::{NumberPage, PagePart};
use crate::store::ledger::Ledger;
use crate::store::page_budget::PageBudget;
use crate::store::sqlite::apply::ledgers;
use crate::store::sqlite::weeks::catalog;
use crate::store::sqlite::weeks::readers::Reading;
use crate::store::{EventPage, EventQuery, Position, Week};

/// The most files that one page opens.
const WEEKS_MAX: usize = 64;

/// A page of events, newest first.
pub(crate) fn page(reading: &Reading<'_>, query: &EventQuery) -> rusqlite::Result<EventPage> {
    match query.filter.producer {
        Some(producer) => {
            let source = query.filter.source.as_deref();
            let ledgers = ledgers::of_producer(reading, producer, source)?;
            by_number(reading, query, ledgers.iter().map(|stored| &stored.ledger))
        }
        None => by_row(reading, query),
    }
}

/// Row ids are in the order of weeks, so the files are read one after the other until the page is
/// full.
fn by_row(reading: &Reading<'_>, query: &EventQuery) -> rusqlite::Result<EventPage> {
    let (oldest, mut newest) = query.filter.weeks();
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

/// A producer lives as long as a page, so there are one or two weeks, and nearly always one scope.
fn by_number<'a>(
    reading: &Reading<'_>,
    query: &EventQuery,
    ledgers: impl Iterator<Item = &'a Ledger>,
) -> rusqlite::Result<EventPage> {
    let (oldest, newest) = query.filter.weeks();
    let mut page = NumberPage::new(query.limit);
    for ledger in ledgers {
        let heard = ledger.heard_weeks();
        let weeks = (oldest.max(heard.0), newest.min(heard.1));
        for week in catalog::between(reading, weeks, usize::MAX >> 1)? {
            // Each week has a budget of its own, so that none is left out.
            let budget = &mut PageBudget::new(query.limit, reading.budget());
            let found =
                reading.week(week, |events| scan_numbers(events, query, ledger.scope(), budget))?;
            page.add(found.unwrap_or_default());
        }
    }
    Ok(page.finish())
}
