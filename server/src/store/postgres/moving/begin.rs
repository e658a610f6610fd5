//! How a migration begins: from when on servers hold still, and what they may change until it ends.

use std::sync::Arc;

use deadpool_postgres::Transaction;

use super::date;
use super::installation::write_batch;
use super::record::{self, Direction, Record};
use crate::store::StoreError;
use crate::store::moving::{Batch, Part};
use crate::store::postgres::OpenError;
use crate::store::postgres::columns::get;
use crate::store::postgres::connection::database::Database;
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::locks::Lock;
use crate::store::postgres::tallies::{Folding, fold_some};

/// What a database has that has processed something, or that somebody has used.
const USED: [&str; 12] = [
    "applied",
    "events",
    "outcomes",
    "producers",
    "event_ids",
    "profile_states",
    "deliveries",
    "delivery_queue",
    "dead_letters",
    "discarded_letters",
    "set_aside",
    "replays",
];
/// Figures of a server that has only started. Those of the directory take their place.
const REPLACED: &str = "DELETE FROM trends; DELETE FROM trend_mark; DELETE FROM alert_states; DELETE FROM alert_mark; \
     DELETE FROM alert_notices; DELETE FROM tallies; DELETE FROM tally_details; DELETE FROM tally_log";
/// The tables whose rows the database numbers.
const NUMBERED: [&str; 5] = ["replays", "sinks", "profile_states", "alert_notices", "tallies"];
/// The tables that stay as they are once everything is moved. Who signs in to a console that shows
/// what is left may do so.
const CLOSED: &str = "SELECT relname::text FROM pg_class WHERE relnamespace = 'lamplight'::regnamespace \
     AND relkind IN ('r', 'p') AND NOT relispartition AND relname NOT IN \
     ('compatibility', 'migration', 'migration_progress', 'refinery_schema_history', 'sessions', 'sql_role') \
     ORDER BY relname";
const TRIGGERS: &str = "SELECT c.relname::text FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid \
     WHERE c.relnamespace = 'lamplight'::regnamespace AND t.tgname = 'migration' ORDER BY c.relname";
/// Until when a server works on something that it has leased.
const LEASED_UNTIL: &str = "SELECT greatest((SELECT max(due_ms) FROM payload_queue WHERE lease_token IS NOT NULL), \
     (SELECT max(due_ms) FROM delivery_queue WHERE lease_token IS NOT NULL))";
const MAY_CHANGE: &str = "SELECT set_config('lamplight.migrating', 'on', true)";

/// A migration cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The database cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A newer version made its schema.
    #[error(
        "move {place}: it has schema {found}, and this version of lamplight knows up to {known}, so it does \
         not know all that there is to move. Use the version that the servers of the database have"
    )]
    Newer {
        /// The database.
        place: String,
        /// What it has.
        found: i32,
        /// What this version knows.
        known: i32,
    },
    /// Another process moves it.
    #[error(
        "move {place}: another `lamplight migrate` works on it. Wait for it, or stop it and run this again"
    )]
    Busy {
        /// The database.
        place: String,
    },
    /// It is one of several shards.
    #[error(
        "move {place}: it is shard {number} of {count}, and `lamplight migrate` moves one database. To leave it, move \
         everything to shard {control} with `lamplight shards move --drain`, remove the others with `lamplight shards \
         remove`, and move that one. To come to several, move to an empty database, start the servers with the \
         URLs of all, and divide the data with `lamplight shards move`"
    )]
    Shard {
        /// The database.
        place: String,
        /// Its number.
        number: u16,
        /// How many shards there are.
        count: usize,
        /// The one that can be left last.
        control: u16,
    },
    /// A payload was applied in part, which only a shard can tell.
    #[error(
        "move {place}: payloads wait to be processed, parts of which were stored in a shard. Start a server, let it \
         process them, stop it, and run this again"
    )]
    Parts {
        /// The database.
        place: String,
    },
    /// Somebody has used the database.
    #[error(
        "move events to the database: its table {0} has rows, so a server has stored events in it already. \
         Use an empty database; events of two installations are never mixed"
    )]
    NotEmpty(&'static str),
    /// Another migration is under way.
    #[error(
        "move events: the database takes part in another migration, of {place}, since {date}, which has not ended. \
         Finish that one by running it again, or use another database"
    )]
    Other {
        /// Its other side.
        place: String,
        /// When it began.
        date: String,
    },
    /// Everything was moved already.
    #[error(
        "move events: those of the database were moved to {place} on {date}. Use that directory, or run \
         `lamplight migrate --undo --from` with the URL of the database"
    )]
    Gone {
        /// Where to.
        place: String,
        /// When that began.
        date: String,
    },
    /// A server works on something.
    #[error(
        "move events out of the database: a server still processes or delivers some, or did until it was killed. \
         Stop all servers of the database, and run this again after {until}"
    )]
    Working {
        /// When what it does counts as given up.
        until: String,
    },
}

/// What the database says to beginning.
enum Begun {
    Begun,
    Refused(BeginError),
}

/// Lets this transaction change what servers may not change.
pub(super) async fn may_change(transaction: &Transaction<'_>) -> Result<(), Failure> {
    transaction.query_one(MAY_CHANGE, &[]).await?;
    Ok(())
}

/// Begins a migration into the database, or goes on with it.
pub(super) async fn arriving(
    database: &Database,
    migration: &Record,
    needed_first: Vec<(Part, Batch)>,
) -> Result<(), BeginError> {
    let shared = Arc::new((migration.clone(), needed_first));
    let beginning = database.transact("begin the migration", move |transaction| {
        let shared = Arc::clone(&shared);
        Box::pin(async move { arrive(transaction, &shared.0, &shared.1).await })
    });
    match beginning.await? {
        Begun::Begun => Ok(()),
        Begun::Refused(error) => Err(error),
    }
}

async fn arrive(
    transaction: &Transaction<'_>,
    migration: &Record,
    needed_first: &[(Part, Batch)],
) -> Result<Begun, Failure> {
    // Whoever is about to write one of these has written it before, or sees the record.
    for lock in [Lock::Trends, Lock::Alerts, Lock::Tallies] {
        lock.take(transaction).await?;
    }
    transaction.batch_execute("LOCK TABLE applied IN SHARE ROW EXCLUSIVE MODE").await?;
    if let Some(begun) = known(transaction, migration).await? {
        return Ok(begun);
    }
    for table in USED {
        let sql = format!("SELECT EXISTS (SELECT FROM {table})");
        if get(&transaction.query_one(&sql, &[]).await?, 0)? {
            return Ok(Begun::Refused(BeginError::NotEmpty(table)));
        }
    }
    record::begin(transaction, migration).await?;
    close_table(transaction, "applied", "a migration into this database is under way").await?;
    transaction.batch_execute(REPLACED).await?;
    for (part, batch) in needed_first {
        write_batch(transaction, *part, batch).await?;
    }
    number_on(transaction).await?;
    Ok(Begun::Begun)
}

/// Begins a migration out of the database, or goes on with it.
pub(super) async fn leaving(database: &Database, migration: &Record) -> Result<(), BeginError> {
    let shared = Arc::new(migration.clone());
    let beginning = database.transact("begin the migration", move |transaction| {
        let migration = Arc::clone(&shared);
        Box::pin(async move { leave(transaction, &migration).await })
    });
    match beginning.await? {
        Begun::Begun => Ok(()),
        Begun::Refused(error) => Err(error),
    }
}

async fn leave(transaction: &Transaction<'_>, migration: &Record) -> Result<Begun, Failure> {
    if let Some(begun) = known(transaction, migration).await? {
        return Ok(begun);
    }
    may_change(transaction).await?;
    record::begin(transaction, migration).await?;
    let why = "everything in this database is moved to a data directory";
    for row in transaction.query(CLOSED, &[]).await? {
        close_table(transaction, get(&row, 0)?, why).await?;
    }
    let until: Option<i64> = get(&transaction.query_one(LEASED_UNTIL, &[]).await?, 0)?;
    if let Some(until_ms) = until.filter(|until_ms| *until_ms > migration.begun_ms) {
        open_tables(transaction).await?;
        record::forget(transaction, migration.id).await?;
        return Ok(Begun::Refused(BeginError::Working { until: date(until_ms) }));
    }
    Lock::Tallies.take(transaction).await?;
    while fold_some(transaction).await? == Folding::Full {}
    Ok(Begun::Begun)
}

/// What follows from the migrations that the database knows of, if one decides.
async fn known(
    transaction: &Transaction<'_>,
    migration: &Record,
) -> Result<Option<Begun>, Failure> {
    for known in record::all(transaction).await? {
        let (place, date) = (known.place, date(known.begun_ms));
        let is_same = known.id == migration.id && known.direction == migration.direction;
        if is_same {
            return Ok(Some(Begun::Begun));
        }
        if known.ended_ms.is_none() {
            return Ok(Some(Begun::Refused(BeginError::Other { place, date })));
        }
        if known.direction == Direction::Leaving {
            return Ok(Some(Begun::Refused(BeginError::Gone { place, date })));
        }
    }
    Ok(None)
}

/// Lets only migrations change a table. Waits for transactions that are changing it.
async fn close_table(transaction: &Transaction<'_>, table: &str, why: &str) -> Result<(), Failure> {
    let sql = format!(
        "CREATE TRIGGER migration BEFORE INSERT OR UPDATE OR DELETE ON {table} FOR EACH STATEMENT \
         EXECUTE FUNCTION refuse_change('{why}')"
    );
    Ok(transaction.batch_execute(&sql).await?)
}

/// Lets everyone change all tables again.
pub(super) async fn open_tables(transaction: &Transaction<'_>) -> Result<(), Failure> {
    for row in transaction.query(TRIGGERS, &[]).await? {
        let table: &str = get(&row, 0)?;
        transaction.batch_execute(&format!("DROP TRIGGER migration ON {table}")).await?;
    }
    Ok(())
}

/// Numbers what is added from now on after what is there.
pub(super) async fn number_on(transaction: &Transaction<'_>) -> Result<(), Failure> {
    for table in NUMBERED {
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence('lamplight.{table}', 'id'), max(id)) FROM {table} HAVING max(id) IS NOT NULL"
        );
        transaction.query(&sql, &[]).await?;
    }
    Ok(())
}
