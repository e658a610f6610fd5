//! Checks of ledgers: their numbers are those of rows.

use std::collections::{BTreeMap, HashMap};

use deadpool_postgres::Transaction;
use lamplight_wire::{Producer, Ranges};
use uuid::Uuid;

use super::{Found, Kept};
use crate::store::postgres::apply::ledgers::{COLUMNS, read};
use crate::store::postgres::columns::{count, get, producer_uuid, text};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::text::kept as kept_text;

/// How many ledgers are compared at a time.
const LEDGERS: &str = "SELECT {COLUMNS} FROM producers AS p \
     WHERE (p.producer, p.scope) > ($1, $2) ORDER BY p.producer, p.scope LIMIT 1000";
const RUNS: &str = "SELECT producer, scope, first, last FROM runs WHERE producer = ANY ($1)";
const REFUSED: &str = "SELECT DISTINCT seq FROM outcomes WHERE producer = $1 AND state = 'invalid' \
     AND seq IS NOT NULL AND ($2 = '' OR source = $2)";

/// What is wrong, with how often and the first example of each.
#[derive(Default)]
struct Complaints(BTreeMap<&'static str, (u64, String)>);

impl Complaints {
    fn add(&mut self, what: &'static str, count: u64, example: impl FnOnce() -> String) {
        if count > 0 {
            self.0.entry(what).or_insert_with(|| (0, example())).0 += count;
        }
    }
}

pub(super) async fn check(snapshot: &Transaction<'_>, kept: &Kept) -> Result<Vec<Found>, Failure> {
    let mut complaints = Complaints::default();
    let (mut after, sql) = ((Uuid::nil(), String::new()), LEDGERS.replace("{COLUMNS}", COLUMNS));
    loop {
        let rows = snapshot.query(&sql, &[&after.0, &after.1]).await?;
        let Some(last) = rows.last() else { break };
        after = (get(last, 0)?, get(last, 1)?);
        let producers: Vec<Uuid> = rows.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
        let stored = stored(snapshot, &producers).await?;
        for row in &rows {
            let (producer, scope, ledger) = (get(row, 0)?, text(row, 1)?, read(row)?);
            let key = (producer, scope);
            let none = Ranges::new();
            compare(snapshot, kept, ledger, stored.get(&key).unwrap_or(&none), &mut complaints)
                .await?;
        }
    }
    let found = complaints.0.into_iter();
    Ok(found
        .map(|(what, (count, example))| Found { table: "producers", what, count, example })
        .collect())
}

/// The numbers that rows have, by producer and scope.
async fn stored(
    snapshot: &Transaction<'_>,
    producers: &[Uuid],
) -> Result<HashMap<(Uuid, String), Ranges>, Failure> {
    let mut stored = HashMap::<_, Ranges>::new();
    for row in snapshot.query(RUNS, &[&producers]).await? {
        let numbers = stored.entry((get(&row, 0)?, text(&row, 1)?)).or_default();
        numbers.insert_range(count(&row, 2)?, count(&row, 3)?);
    }
    Ok(stored)
}

async fn compare(
    snapshot: &Transaction<'_>,
    kept: &Kept,
    (producer, ledger): (Producer, crate::store::apply::StoredLedger),
    stored: &Ranges,
    complaints: &mut Complaints,
) -> Result<(), Failure> {
    let (sums, ledger) = (ledger.sums, ledger.ledger);
    let scope = ledger.scope().to_owned();
    let named = |numbers: &Ranges| {
        let (first, last) = numbers.as_slice().first().copied().unwrap_or_default();
        format!("{first} to {last} of producer {producer} in {scope:?}")
    };
    let is_sum = sums.made == sums.received + sums.declared + sums.missing;
    let is_wrong = !is_sum || sums.received != ledger.received.count();
    let what = "the counts of a ledger are not those of its numbers";
    complaints.add(what, u64::from(is_wrong), || named(&ledger.received));
    let unknown = stored.minus(&ledger.received);
    let what = "numbers are stored that their ledger does not have";
    complaints.add(what, unknown.count(), || named(&unknown));
    // Rows of removed weeks are gone.
    if kept.is_everything || ledger.first_heard_ms >= kept.week.from_ms() {
        let gone = ledger.received.minus(stored);
        let refused = refused(snapshot, producer, &scope, &gone).await?;
        let what = "numbers arrived that were neither stored nor refused";
        complaints.add(what, gone.count().saturating_sub(refused), || named(&gone));
    }
    Ok(())
}

/// How many of some numbers arrived in events that were refused.
async fn refused(
    snapshot: &Transaction<'_>,
    producer: Producer,
    scope: &str,
    numbers: &Ranges,
) -> Result<u64, Failure> {
    if numbers.is_empty() {
        return Ok(0);
    }
    let rows = snapshot.query(REFUSED, &[&producer_uuid(producer), &kept_text(scope)]).await?;
    let mut refused = 0;
    for row in &rows {
        refused += u64::from(numbers.contains(count(row, 0)?));
    }
    Ok(refused)
}
