//! Checks of everything that must be true in the database, in one snapshot. Reads only, while
//! servers may run.

mod checks;
mod ledgers;

use std::sync::Arc;

use deadpool_postgres::Transaction;
use tokio_postgres::IsolationLevel;
use uuid::Uuid;

pub use checks::{CHECKS, Check};

use super::columns::get;
use super::connection::database::Database;
use super::connection::failure::Failure;
use super::connection::open_error::OpenError;
use super::connection::url::DatabaseUrl;
use super::{schema, tallies};
use crate::store::{Opening, Violation, Week};
use crate::system::supervisor::Supervisor;

/// The week after the newest one that retention ever removed something of.
/// Buckets that came from other shards begin where everything is kept there.
const KEPT_FROM: &str = "SELECT greatest((SELECT max(week) + 1 FROM weeks WHERE is_removed OR removed_events > 0), \
     (SELECT kept_from FROM shard))";

/// From where on everything is kept.
struct Kept {
    week: Week,
    /// Whether nothing was ever removed.
    is_everything: bool,
}

/// What a check has found wrong.
struct Found {
    table: &'static str,
    what: &'static str,
    count: u64,
    example: String,
}

/// Runs every check on a database, and tells the name of each before it runs.
///
/// # Errors
/// [`OpenError`].
pub async fn verify(
    url: &DatabaseUrl,
    begin: &mut (dyn FnMut(&str) + Send),
) -> Result<Vec<Violation>, OpenError> {
    let database = Database::connect(url, &Supervisor::default()).await?;
    schema::prepare(&database, &Opening::Read).await?;
    let verified = run(&database, begin).await;
    database.close();
    verified.map_err(|failure| OpenError::Prepare { source: Arc::new(failure) })
}

async fn run(
    database: &Database,
    begin: &mut (dyn FnMut(&str) + Send),
) -> Result<Vec<Violation>, Failure> {
    let mut client = database.client().await?;
    let beginning = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
    let snapshot = beginning.read_only(true).start().await?;
    let unlimited =
        "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";
    snapshot.batch_execute(unlimited).await?;
    let kept = kept(&snapshot).await?;
    let mut violations = Vec::new();
    for check in CHECKS {
        begin(check.name);
        let found = match check.rows {
            Rows::Count(counts) => counted(&snapshot, counts, &kept).await?,
            Rows::Ledgers => ledgers::check(&snapshot, &kept).await?,
            Rows::Tallies => recounted(&snapshot, &kept, begin).await?,
        };
        violations.extend(found.into_iter().map(|it| Violation {
            check: check.name,
            place: format!("lamplight.{}", it.table),
            what: format!("{}: {}", it.what, it.example.replace('\n', "; ")),
            count: it.count,
            advice: check.advice,
        }));
    }
    snapshot.commit().await?;
    Ok(violations)
}

/// What a check looks at.
enum Rows {
    /// Statements that count the rows which break the rule.
    Count(&'static [Count]),
    /// Ledgers, whose numbers are compared with those of rows.
    Ledgers,
    /// Tallies, which are counted again.
    Tallies,
}

/// A statement that counts the rows which break a rule, and gives an example.
struct Count {
    table: &'static str,
    what: &'static str,
    /// `{KEPT}` is the first id of which everything is kept.
    sql: &'static str,
    /// Whether it holds only while nothing was ever removed.
    needs_everything: bool,
}

async fn kept(snapshot: &Transaction<'_>) -> Result<Kept, Failure> {
    let week: Option<i32> = get(&snapshot.query_one(KEPT_FROM, &[]).await?, 0)?;
    let number = week.map(|week| u32::try_from(week).map_err(|_| Failure::Column("week")));
    let number = number.transpose()?;
    Ok(Kept { week: Week::from_number(number.unwrap_or(0)), is_everything: number.is_none() })
}

impl Kept {
    /// The first id of which everything is kept.
    fn first_id(&self) -> Uuid {
        if self.is_everything { Uuid::nil() } else { self.week.first_row().0 }
    }
}

async fn counted(
    snapshot: &Transaction<'_>,
    counts: &[Count],
    kept: &Kept,
) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::new();
    for count in counts.iter().filter(|it| kept.is_everything || !it.needs_everything) {
        let sql = count.sql.replace("{KEPT}", &format!("'{}'::uuid", kept.first_id()));
        let row = snapshot.query_one(&sql, &[]).await?;
        let broken = u64::try_from(get::<i64>(&row, 0)?).map_err(|_| Failure::Column("count"))?;
        if broken > 0 {
            let example = get::<Option<String>>(&row, 1)?.unwrap_or_default();
            found.push(Found { table: count.table, what: count.what, count: broken, example });
        }
    }
    Ok(found)
}

async fn recounted(
    snapshot: &Transaction<'_>,
    kept: &Kept,
    begin: &mut (dyn FnMut(&str) + Send),
) -> Result<Vec<Found>, Failure> {
    let mut progress =
        |week: Week, events: u64| begin(&format!("tallies: count {events} events of {week}"));
    let differences = tallies::differences(snapshot, kept.week, &mut progress).await?;
    let (table, what) = ("tallies", "a count by time is not that of what is stored");
    let count = differences.len() as u64;
    let first = differences.into_iter().next();
    Ok(first.map(|example| Found { table, what, count, example }).into_iter().collect())
}
