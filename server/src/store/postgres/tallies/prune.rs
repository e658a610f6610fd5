//! Retention of tallies: values of events that are gone.

use deadpool_postgres::Transaction;

use super::fold::{Batch, batch};
use super::rows::{NewDetails, read_facts};
use crate::store::Week;
use crate::store::postgres::columns::{get, int};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::locks::Lock;
use crate::store::tally::TallyKind;

/// The most parts of the log that are added first: it has values too.
const BATCHES_MAX: u32 = 20;

pub(crate) const DUE: &str = "SELECT d.id, d.json, t.kind FROM tally_details AS d \
     JOIN tallies AS t ON t.id = d.id WHERE d.oldest_week < $1 ORDER BY d.oldest_week LIMIT $2";
pub(crate) const DELETE: &str = "DELETE FROM tally_details WHERE id = ANY($1)";

/// Deletes values of events that were received before `week`, of at most `max` tallies. Returns of
/// how many.
pub(crate) async fn prune(
    transaction: &Transaction<'_>,
    week: Week,
    max: u32,
) -> Result<u64, Failure> {
    Lock::Tallies.take(transaction).await?;
    for _ in 0..BATCHES_MAX {
        if batch(transaction).await? == Batch::Last {
            break;
        }
    }
    let due = transaction.prepare_cached(DUE).await?;
    let due = transaction.query(&due, &[&int(week.number()), &i64::from(max)]).await?;
    let (mut samples, mut details) = (Vec::new(), NewDetails::default());
    for row in &due {
        let tally: i64 = get(row, 0)?;
        if TallyKind::from_number(get::<i16>(row, 2)?.into()) == Some(TallyKind::Name) {
            let mut facts = read_facts(get(row, 1)?)?;
            facts.forget_before(week);
            details.facts(tally, &facts)?;
        } else {
            samples.push(tally);
        }
    }
    details.write(transaction).await?;
    if !samples.is_empty() {
        let delete = transaction.prepare_cached(DELETE).await?;
        transaction.execute(&delete, &[&samples]).await?;
    }
    Ok(due.len() as u64)
}
