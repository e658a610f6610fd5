//! The schema `lamplight`: made and migrated by whichever server comes first.
//!
//! While servers are replaced one after the other, a newer one migrates the schema and older ones
//! go on, and may start again. Each step says how old they may be: see `V4__compatibility.sql`.

use std::sync::Arc;
use std::time::Duration;

use refinery::{Migration, Runner};
use tokio_postgres::Client;

use super::connection::database::Database;
use super::connection::failure::{Failure, described, is_in_the_way};
use super::connection::open_error::OpenError;
use super::connection::url::DatabaseUrl;
use super::locks::Lock;
use crate::store::Opening;

/// The steps of the schema, oldest first.
pub(crate) const STEPS: [(&str, &str); 5] = [
    ("V1__payloads", include_str!("../../../migrations/postgres/V1__payloads.sql")),
    ("V2__events", include_str!("../../../migrations/postgres/V2__events.sql")),
    ("V3__server", include_str!("../../../migrations/postgres/V3__server.sql")),
    ("V4__compatibility", include_str!("../../../migrations/postgres/V4__compatibility.sql")),
    ("V5__shards", include_str!("../../../migrations/postgres/V5__shards.sql")),
];

/// How long a step may wait for transactions that use its tables. Whoever comes after it waits for
/// as long.
const STEP_WAITS: &str = "SET lock_timeout = '2s'";
/// After how long a step is tried again, at first and at most.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_MAX: Duration = Duration::from_secs(15);

/// The schema that a database has.
#[derive(Debug, Clone, Copy)]
struct Found {
    /// Its last step. 0 without any.
    version: i32,
    /// The oldest version whose servers may work with it.
    oldest: i32,
}

/// The last step that this version knows.
pub(crate) fn known() -> i32 {
    i32::try_from(STEPS.len()).unwrap_or(i32::MAX)
}

/// Makes the schema, or brings it to this version, unless the database is opened to read. Returns
/// its version, which is newer than this one knows if a newer one says that this one may go on.
///
/// # Errors
/// [`OpenError`].
pub(crate) async fn prepare(database: &Database, opening: &Opening) -> Result<i32, OpenError> {
    let prepare = |failure: Failure| OpenError::preparing(database.url(), failure);
    let mut client = database.dedicated().await.map_err(prepare)?;
    let mut found = found(&client).await.map_err(|error| prepare(error.into()))?;
    let known = known();
    if found.version < known {
        if opening.only_reads() {
            return Err(OpenError::Older { found: found.version, known });
        }
        found = migrate(&mut client, database.url()).await?;
    }
    let Found { version, oldest } = found;
    if known < oldest {
        return Err(OpenError::Newer { found: version, known });
    }
    if version > known && matches!(opening, Opening::Serve(_)) {
        tracing::warn!(
            "the database has schema {version}, and this version of lamplight knows up to {known}: it still works \
             with it, so that servers can be replaced one after the other. Replace this one, too"
        );
    }
    Ok(version)
}

/// The schema that the database has.
async fn found(client: &Client) -> Result<Found, tokio_postgres::Error> {
    let there = "SELECT to_regclass('lamplight.refinery_schema_history') IS NOT NULL, \
                 to_regclass('lamplight.compatibility') IS NOT NULL";
    let there = client.query_one(there, &[]).await?;
    if !there.try_get::<_, bool>(0)? {
        return Ok(Found { version: 0, oldest: 0 });
    }
    let sql = "SELECT coalesce(max(version), 0)::integer FROM lamplight.refinery_schema_history";
    let version: i32 = client.query_one(sql, &[]).await?.try_get(0)?;
    // A step that does not say how old servers may be is for none that do not know it.
    let mut oldest = version;
    if there.try_get(1)? {
        let sql = "SELECT oldest FROM lamplight.compatibility WHERE version = $1";
        if let Some(row) = client.query_opt(sql, &[&version]).await? {
            oldest = row.try_get(0)?;
        }
    }
    Ok(Found { version, oldest })
}

/// Migrates, unless another server has done so meanwhile. Gives the schema that is there then.
async fn migrate(client: &mut Client, url: &DatabaseUrl) -> Result<Found, OpenError> {
    let prepare = |error: tokio_postgres::Error| OpenError::preparing(url, error);
    // Other servers wait here.
    let unlimited = "SET statement_timeout = 0; SET lock_timeout = 0";
    client.batch_execute(unlimited).await.map_err(prepare)?;
    Lock::Schema.hold(client).await.map_err(prepare)?;
    client.batch_execute(STEP_WAITS).await.map_err(prepare)?;
    // A newer one that was here first has made steps that this one does not know.
    if found(client).await.map_err(prepare)?.version < known() {
        make_schema(client, url).await?;
        let mut again = AGAIN;
        while let Err(error) = steps(client, url).await {
            if !is_in_the_way(&error) {
                return Err(error);
            }
            tracing::warn!(
                error = described(&error),
                "the schema of the database cannot be migrated yet: transactions use its tables. Trying again in {again:?}"
            );
            tokio::time::sleep(again).await;
            again = (again * 2).min(AGAIN_MAX);
        }
    }
    Lock::Schema.release(client).await.map_err(prepare)?;
    found(client).await.map_err(prepare)
}

/// Makes the steps that are missing, all or none.
async fn steps(client: &mut Client, url: &DatabaseUrl) -> Result<(), OpenError> {
    let steps = STEPS.iter().map(|(name, sql)| Migration::unapplied(name, sql));
    let steps = steps
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| OpenError::Migrate { source: Arc::new(error) })?;
    // Grouped: the steps and their record are one transaction.
    let done = Runner::new(&steps).set_grouped(true).run_async(client).await;
    done.map_err(|error| OpenError::migrating(url, error))?;
    compress_bodies(client).await.map_err(|error| OpenError::preparing(url, error))
}

async fn make_schema(client: &Client, url: &DatabaseUrl) -> Result<(), OpenError> {
    let sql = "SELECT to_regnamespace('lamplight') IS NOT NULL";
    let row = client.query_one(sql, &[]).await;
    let has_schema = row.and_then(|row| row.try_get::<_, bool>(0));
    let has_schema = has_schema.map_err(|error| OpenError::Prepare { source: Arc::new(error) })?;
    if has_schema {
        return Ok(());
    }
    client.batch_execute("CREATE SCHEMA lamplight").await.map_err(|error| {
        OpenError::Unfit(format!(
            "make the schema lamplight: {}. As the owner of the database, run: CREATE SCHEMA lamplight \
             AUTHORIZATION \"{}\"",
            described(&error),
            url.config().get_user().unwrap_or_default()
        ))
    })
}

/// lz4 takes half the time of the default, for the same size. Some builds of PostgreSQL have none.
async fn compress_bodies(client: &Client) -> Result<(), tokio_postgres::Error> {
    let sql = "SELECT EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' \
               AND 'lz4' = ANY (enumvals)) AND EXISTS (SELECT FROM pg_attribute \
               WHERE attrelid = 'payloads'::regclass AND attname = 'body' AND attcompression <> 'l')";
    if client.query_one(sql, &[]).await?.try_get(0)? {
        client.batch_execute("ALTER TABLE payloads ALTER COLUMN body SET COMPRESSION lz4").await?;
    }
    Ok(())
}
