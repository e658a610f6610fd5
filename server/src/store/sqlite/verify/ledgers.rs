//! Checks of numbers and ledgers: the runs of all weeks side by side, in the order of producers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use lamplight_wire::{Producer, Ranges};
use rusqlite::{Connection, Rows};

use super::{Databases, Found, VerifiedWeek};
use crate::store::sqlite::apply::ledgers::{COLUMNS, header};
use crate::store::sqlite::file::columns::{producer, producer_bytes};

/// A producer within a scope.
type Key = ([u8; 16], String);

/// A run: whose it is, its first and last number, and the week that it is in.
type Run = (Key, u64, u64, usize);

/// The runs of all weeks, in order. It holds one run of each week.
struct AllRuns<'a, 'b> {
    weeks: &'b [VerifiedWeek<'a>],
    rows: Vec<Rows<'b>>,
    next: BinaryHeap<Reverse<Run>>,
}

impl<'a, 'b> AllRuns<'a, 'b> {
    fn new(
        weeks: &'b [VerifiedWeek<'a>],
        statements: &'b mut [rusqlite::Statement<'a>],
    ) -> rusqlite::Result<Self> {
        let rows = statements.iter_mut().map(|it| it.query([])).collect::<Result<Vec<_>, _>>()?;
        let mut all = Self { weeks, rows, next: BinaryHeap::new() };
        (0..all.rows.len()).try_for_each(|week| all.advance(week))?;
        Ok(all)
    }

    /// Reads the next run of a week, of those that count.
    fn advance(&mut self, at: usize) -> rusqlite::Result<()> {
        let Some((rows, week)) = self.rows.get_mut(at).zip(self.weeks.get(at)) else {
            return Ok(());
        };
        while let Some(row) = rows.next()? {
            if week.counts(u128::from_be_bytes(row.get(4)?)) {
                let key = (row.get(0)?, row.get(1)?);
                self.next.push(Reverse((key, row.get(2)?, row.get(3)?, at)));
                break;
            }
        }
        Ok(())
    }

    fn peek(&self) -> Option<&Key> {
        self.next.peek().map(|Reverse((key, ..))| key)
    }

    fn pop(&mut self) -> rusqlite::Result<Option<Run>> {
        let Some(Reverse(run)) = self.next.pop() else { return Ok(None) };
        self.advance(run.3)?;
        Ok(Some(run))
    }
}

fn statements<'a>(weeks: &[VerifiedWeek<'a>]) -> rusqlite::Result<Vec<rusqlite::Statement<'a>>> {
    let sql =
        "SELECT producer, scope, first, last, first_id FROM runs ORDER BY producer, scope, first";
    weeks.iter().map(|week| week.connection().prepare(sql)).collect()
}

fn named(key: &Key, numbers: &Ranges) -> String {
    let (first, last) = numbers.as_slice().first().copied().unwrap_or_default();
    let producer = Producer::from_bits(u128::from_be_bytes(key.0));
    format!("{first} to {last} of producer {producer} in {:?}", key.1)
}

pub(super) fn twice(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    let weeks = databases.weeks()?;
    let mut statements = statements(&weeks)?;
    let mut runs = AllRuns::new(&weeks, &mut statements)?;
    let mut before: Option<(Key, u64)> = None;
    while let Some((key, first, last, week)) = runs.pop()? {
        let highest = match &before {
            Some((of, highest)) if *of == key => *highest,
            _ => 0,
        };
        if first <= highest {
            let place = weeks.get(week).map_or("", |week| week.name.as_str());
            let both = Ranges::from_iter([(first, last.min(highest))]);
            found.add_many(place, "numbers are stored twice", both.count(), || named(&key, &both));
        }
        before = Some((key, highest.max(last)));
    }
    Ok(())
}

pub(super) fn complete(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    let weeks = databases.weeks()?;
    let mut statements = statements(&weeks)?;
    let mut runs = AllRuns::new(&weeks, &mut statements)?;
    let store = databases.store();
    let mut ledgers = store
        .prepare(&format!("SELECT producer, {COLUMNS} FROM producers ORDER BY producer, scope"))?;
    let mut rows = ledgers.query([])?;
    while let Some(row) = rows.next()? {
        let (of, header) = (producer(row, 0)?, header(row, 1)?);
        let key = (producer_bytes(of), header.scope.clone());
        without_ledger(&mut runs, Some(&key), found)?;
        let mut stored = Ranges::new();
        while runs.peek() == Some(&key) {
            if let Some((_, first, last, _)) = runs.pop()? {
                stored.insert_range(first, last);
            }
        }
        let ledger = header.read(store, of)?;
        let (sums, ledger) = (ledger.sums, ledger.ledger);
        let is_sum = sums.made == sums.received + sums.declared + sums.missing;
        if !is_sum || sums.received != ledger.received.count() {
            found.add("store.db", "the counts of a ledger are not those of its numbers", || {
                named(&key, &ledger.received)
            });
        }
        let unknown = stored.minus(&ledger.received);
        if !unknown.is_empty() {
            let example = || named(&key, &unknown);
            let kind = "numbers are stored that their ledger does not have";
            found.add_many("store.db", kind, unknown.count(), example);
        }
        // Events of removed weeks are gone.
        if databases.kept_from_ms.is_none_or(|from_ms| ledger.first_heard_ms >= from_ms) {
            let gone = ledger.received.minus(&stored);
            let gone = gone.count().saturating_sub(refused(store, &key, &gone)?);
            if gone > 0 {
                let kind = "numbers arrived that were neither stored nor refused";
                let gone_is = ledger.received.minus(&stored);
                found.add_many("store.db", kind, gone, || named(&key, &gone_is));
            }
        }
    }
    without_ledger(&mut runs, None, found)
}

/// The runs before `until` have no ledger.
fn without_ledger(
    runs: &mut AllRuns<'_, '_>,
    until: Option<&Key>,
    found: &mut Found,
) -> rusqlite::Result<()> {
    while runs.peek().is_some_and(|key| until.is_none_or(|until| key < until)) {
        if let Some((key, first, last, _)) = runs.pop()? {
            let numbers = Ranges::from_iter([(first, last)]);
            let example = || named(&key, &numbers);
            found.add_many(
                "store.db",
                "numbers are stored without a ledger",
                numbers.count(),
                example,
            );
        }
    }
    Ok(())
}

/// How many of some numbers arrived in events that were refused.
fn refused(store: &Connection, key: &Key, numbers: &Ranges) -> rusqlite::Result<u64> {
    if numbers.is_empty() {
        return Ok(0);
    }
    let mut statement = store.prepare_cached(
        "SELECT DISTINCT seq FROM outcomes WHERE producer = ?1 AND state = 'invalid' \
         AND (?2 = '' OR source = ?2)",
    )?;
    let mut rows = statement.query((key.0, &key.1))?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += u64::from(numbers.contains(row.get(0)?));
    }
    Ok(count)
}
