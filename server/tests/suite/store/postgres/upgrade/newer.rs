//! What a newer version would make of a database: this version's schema, and more steps.

use std::path::Path;
use std::time::Duration;

use refinery::{Migration, Runner};
use tokio_postgres::Client;

/// The lock that whoever migrates holds, in all versions.
pub(crate) const LOCK: i64 = 0x6c61_6d70_0002;

/// The steps of this version, in order.
pub(crate) fn steps() -> Vec<Migration> {
    crate::store::sqlite::upgrade::older::steps_in(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres"),
    )
}

/// A step that a newer version adds, with its name: the first one after this version's, or the
/// second. It says which version is the oldest that may go on, if it says something.
pub(crate) fn step(ahead: usize, sql: &str, oldest: Option<usize>) -> Migration {
    let version = steps().len() + ahead;
    let says = oldest.map_or(String::new(), |oldest| {
        format!("; UPDATE compatibility SET version = {version}, oldest = {oldest}")
    });
    Migration::unapplied(&format!("V{version}__newer"), &format!("{sql}{says}")).unwrap()
}

/// Makes all steps of this version and more, under the lock and in one transaction. Tries again if
/// transactions of servers are in the way for too long.
pub(crate) async fn migrate(client: &mut Client, more: &[Migration]) {
    client.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})")).await.unwrap();
    migrate_locked(client, more).await;
    client.batch_execute(&format!("SELECT pg_advisory_unlock({LOCK})")).await.unwrap();
}

/// The same, if the lock is held already.
pub(crate) async fn migrate_locked(client: &mut Client, more: &[Migration]) {
    let all = [steps(), more.to_vec()].concat();
    client.batch_execute("SET search_path = lamplight; SET lock_timeout = '2s'").await.unwrap();
    let mut tries = 0;
    while let Err(error) = Runner::new(&all).set_grouped(true).run_async(client).await {
        tries += 1;
        assert!(tries < 20, "the steps cannot be made: {error:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    client.batch_execute("SET lock_timeout = 0").await.unwrap();
}
