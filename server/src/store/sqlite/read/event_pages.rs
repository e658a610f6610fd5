//! Pages of events over all weeks.

use super::events::{PageBudget, PagePart, scan, scan_numbers};
use crate::store::ledger::Ledger;
use crate::store::sqlite::apply::ledgers;
use crate::store::sqlite::weeks::catalog;
use crate::store::sqlite::weeks::readers::Reading;
use crate::store::{EventFilter, EventPage, EventQuery, EventRow, Position, Week};

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

/// The numbers of one producer may have arrived in any order, and each source has numbers of its
/// own, so its weeks and scopes are merged. A producer lives as long as a page, so there are one or
/// two weeks, and nearly always one scope.
fn by_number<'a>(
    reading: &Reading<'_>,
    query: &EventQuery,
    ledgers: impl Iterator<Item = &'a Ledger>,
) -> rusqlite::Result<EventPage> {
    let (oldest, newest) = span(&query.filter);
    let place = |event: &EventRow| (event.number.map_or(0, |(_, seq)| seq), event.id);
    let (mut merged, mut looked_down_to) = (Vec::new(), None);
    for ledger in ledgers {
        let heard = ledger.heard_weeks();
        let weeks = (oldest.max(heard.0), newest.min(heard.1));
        for week in catalog::between(reading, weeks, usize::MAX >> 1)? {
            // Each week has a budget of its own, so that none is left out.
            let budget = &mut PageBudget::new(query.limit, reading.budget());
            let found =
                reading.week(week, |events| scan_numbers(events, query, ledger.scope(), budget))?;
            let PagePart { events, last, has_more } = found.unwrap_or_default();
            if has_more && let Some(Position::Seq(seq, id)) = last {
                looked_down_to = looked_down_to.max(Some((seq, id)));
            }
            merged.extend(events);
            merged.sort_unstable_by_key(|event| std::cmp::Reverse(place(event)));
            // Below this place, some week or scope was not read.
            merged.retain(|event| Some(place(event)) >= looked_down_to);
            if merged.len() > query.limit as usize {
                merged.truncate(query.limit as usize);
                looked_down_to = looked_down_to.max(merged.last().map(place));
            }
        }
    }
    let next = looked_down_to.map(|(seq, id)| Position::Seq(seq, id));
    Ok(EventPage { events: merged, next })
}

/// The weeks that the filter's times of receipt are in.
pub(crate) fn span(filter: &EventFilter) -> (Week, Week) {
    let oldest = Week::of_ms(filter.from_ms.unwrap_or(0));
    let newest = Week::of_ms(filter.to_ms.map_or(i64::MAX, |to_ms| to_ms.saturating_sub(1)));
    (oldest, newest)
}
