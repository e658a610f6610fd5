//! SQL statements that users write. They can only read.
//!
//! Five barriers. A statement runs as a role that has no right but to read two views. It must be
//! one query: it is first the body of a view, which is rolled back, and then that of a cursor, and
//! PostgreSQL takes nothing else there. It may call only functions that compute: of those that
//! PostgreSQL calls volatile, which lock, sleep, write or change settings, only a few. It runs in a
//! transaction that can only read, and that is rolled back. And its time, its answer, and how many
//! there are at a time are limited.

mod connection;
mod refusal;
mod rows;
pub(crate) mod setup;
mod views;

use std::time::Duration;

use tokio::sync::RwLock;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use connection::Connection;
use refusal::{Refused, refused};
use rows::Rows;
use setup::Access;

use crate::store::postgres::apply::weeks;
use crate::store::postgres::columns::get;
use crate::store::postgres::connection::database::Database;
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::connection::url::DatabaseUrl;
use crate::store::{SqlError, SqlQuery, SqlTable, StoreError, Week};

/// The most weeks of events that one statement sees, as in other databases.
const WEEKS_MAX: usize = 10;
/// The longest statement, in bytes.
const SQL_BYTES_MAX: usize = 64 * 1024;
/// How many rows are fetched at a time.
const FETCH: &str = "FETCH FORWARD 100 FROM lamplight_rows";
const FETCHED: usize = 100;
/// How much longer than its limit a statement may take to end by itself, with a better message.
const GRACE: Duration = Duration::from_millis(500);

/// Functions that PostgreSQL calls volatile, and that only compute.
const HARMLESS: [&str; 7] = [
    "clock_timestamp",
    "gen_random_uuid",
    "random",
    "random_normal",
    "setseed",
    "timeofday",
    "uuidv7",
];
/// The first function of the view `lamplight_check` that may do more than compute, from its parsed
/// form.
const HARMFUL: &str = "SELECT function.proname FROM pg_catalog.pg_rewrite AS rule, \
     LATERAL regexp_matches(rule.ev_action::text, ':(?:funcid|opfuncid|aggfnoid|winfnoid) (\\d+)', 'g') AS called, \
     pg_catalog.pg_proc AS function \
     WHERE rule.ev_class = 'pg_temp.lamplight_check'::regclass AND function.oid = called[1]::oid \
     AND function.provolatile = 'v' AND NOT (function.proname = ANY ($1) \
       AND function.pronamespace = 'pg_catalog'::regnamespace) LIMIT 1";

/// What runs statements.
#[derive(Debug, Default)]
pub(crate) struct UserSql {
    access: RwLock<Option<Access>>,
}

impl UserSql {
    /// Prepares the role and its views. The role is the one of this URL, if there is one.
    pub(crate) async fn prepare(
        &self,
        database: &Database,
        url: Option<&DatabaseUrl>,
    ) -> Result<(), Failure> {
        *self.access.write().await = Some(setup::prepare(database, url).await?);
        Ok(())
    }

    /// Runs a statement. Dropping the future stops it.
    pub(crate) async fn run(
        &self,
        database: &Database,
        query: SqlQuery,
    ) -> Result<Result<SqlTable, SqlError>, StoreError> {
        let doing = "run a statement";
        let config = match &*self.access.read().await {
            Some(Access::Ready(config)) => (**config).clone(),
            Some(Access::Missing(what)) => return Ok(Err(SqlError::NotSetUp(what.clone()))),
            None => return Ok(Err(SqlError::NotSetUp(setup::not_prepared()))),
        };
        let span = query.filter.weeks();
        let weeks = database.read(doing, move |snapshot| {
            Box::pin(async move { weeks::between(snapshot, span, WEEKS_MAX).await })
        });
        let weeks = weeks.await?;
        let running = async {
            let connection = connection::open(&config, database, &query).await?;
            let ran = run(&connection, &query, &weeks).await;
            connection.close();
            ran
        };
        match tokio::time::timeout(query.time_max + GRACE, running).await {
            Ok(Ok(table)) => Ok(Ok(SqlTable { weeks, ..table })),
            Ok(Err(Refused::Statement(error))) => Ok(Err(error)),
            Ok(Err(Refused::Storage(failure))) => Err(failure.while_doing(doing)),
            Err(_) => Ok(Err(SqlError::TooSlow(query.time_max))),
        }
    }
}

async fn run(
    connection: &Connection,
    query: &SqlQuery,
    weeks: &[Week],
) -> Result<SqlTable, Refused> {
    let (client, sql) = (&connection.client, query.sql.as_str());
    if sql.len() > SQL_BYTES_MAX {
        let text = format!("the statement has {} bytes, and may have {SQL_BYTES_MAX}", sql.len());
        return Err(Refused::Statement(SqlError::Invalid(text)));
    }
    if sql.contains('\0') {
        let text = "the statement contains the character U+0000: remove it".to_owned();
        return Err(Refused::Statement(SqlError::Invalid(text)));
    }
    let fail = |before: usize| {
        move |error: tokio_postgres::Error| refused(&error, query, before, connection)
    };
    limit(client, query, weeks).await.map_err(fail(0))?;
    let prepared = client.prepare(sql).await.map_err(fail(0))?;
    let columns = prepared.columns();
    let names: Vec<String> = columns.iter().map(|column| column.name().to_owned()).collect();
    let types: Vec<_> = columns.iter().map(|column| column.type_().clone()).collect();
    if !prepared.params().is_empty() {
        let text = "the statement has parameters such as $1: write the values into it".to_owned();
        return Err(Refused::Statement(SqlError::Invalid(text)));
    }
    check(client, sql, names.len(), &fail).await?;
    let mut rows = Rows::new(names, types, query).ok_or(Refused::too_large(query))?;
    // A transaction that has taken a snapshot cannot be told to write any more.
    client
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1")
        .await
        .map_err(fail(0))?;
    let begin = "DECLARE lamplight_rows NO SCROLL CURSOR FOR ";
    client.execute(&format!("{begin}{sql}"), &[]).await.map_err(fail(begin.len()))?;
    loop {
        let fetched: Vec<SimpleQueryRow> = client
            .simple_query(FETCH)
            .await
            .map_err(fail(0))?
            .into_iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row),
                _ => None,
            })
            .collect();
        for row in &fetched {
            if !rows.take(row).map_err(Refused::Statement)? {
                return Ok(rows.finish());
            }
        }
        if fetched.len() < FETCHED {
            return Ok(rows.finish());
        }
    }
}

/// What the connection may cost, and which weeks it sees.
async fn limit(
    client: &Client,
    query: &SqlQuery,
    weeks: &[Week],
) -> Result<(), tokio_postgres::Error> {
    let newest = weeks.first().map_or(0, |week| week.number().saturating_add(1));
    let oldest = weeks.last().map_or(0, |week| week.number());
    let first = |week: u32| Week::from_number(week).first_row().0;
    let (from, to) = (first(oldest), first(newest));
    let time_ms = query.time_max.as_millis().clamp(1, 3_600_000);
    client
        .batch_execute(&format!(
            "SET search_path = lamplight_sql; SET statement_timeout = {time_ms}; SET lock_timeout = '2s'; \
             SET idle_in_transaction_session_timeout = '30s'; SET client_connection_check_interval = '1s'; \
             SET default_transaction_read_only = on; SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; \
             SET IntervalStyle = 'postgres'; SET bytea_output = 'hex'; SET extra_float_digits = 1; \
             SET work_mem = '16MB'; SET hash_mem_multiplier = 1; SET jit = off; SET cursor_tuple_fraction = 1; \
             SET max_parallel_workers_per_gather = 1; SET lamplight.first_row = '{from}'; \
             SET lamplight.end_row = '{to}'"
        ))
        .await
}

/// Checks that a statement is one query that only computes.
async fn check<F: Fn(tokio_postgres::Error) -> Refused>(
    client: &Client,
    sql: &str,
    columns: usize,
    fail: &impl Fn(usize) -> F,
) -> Result<(), Refused> {
    let names: Vec<String> = (0..columns).map(|at| format!("c{at}")).collect();
    let names = if names.is_empty() { String::new() } else { format!("({})", names.join(",")) };
    let begin = format!("CREATE TEMP VIEW lamplight_check {names} AS ");
    client.batch_execute("BEGIN READ WRITE").await.map_err(fail(0))?;
    let made = client.execute(&format!("{begin}{sql}"), &[]).await;
    made.map_err(fail(begin.len()))?;
    let harmless: Vec<&str> = HARMLESS.to_vec();
    let harmful = client.query_opt(HARMFUL, &[&harmless]).await.map_err(fail(0))?;
    client.batch_execute("ROLLBACK").await.map_err(fail(0))?;
    match harmful {
        None => Ok(()),
        Some(row) => {
            let name: String = get(&row, 0).map_err(Refused::Storage)?;
            tracing::debug!(name, "a statement calls a function that does more than compute");
            Err(Refused::Statement(SqlError::NotReadOnly))
        }
    }
}
