//! Advisory locks: what one transaction or one session at a time may do, in all servers. All are
//! listed here, so that the compiler refuses two with the same number.

use deadpool_postgres::Transaction;
use tokio_postgres::Client;

use super::connection::failure::Failure;

/// What one transaction or session at a time does. The numbers are the same in all versions,
/// because servers of two versions may run on one database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
pub(crate) enum Lock {
    /// Making or removing partitions.
    Partitions = 0x6c61_6d70_0001,
    /// Making or migrating the schema: a session's.
    Schema = 0x6c61_6d70_0002,
    /// Recording which sinks there are.
    Sinks = 0x6c61_6d70_0003,
    /// Leading: a session's.
    Leader = 0x6c61_6d70_0004,
    /// Moving everything to or from the database: a session's.
    Moving = 0x6c61_6d70_0005,
    /// Preparing the role that runs statements of users.
    SqlRole = 0x6c61_6d70_0006,
    /// Moving buckets between shards: a session's, in the first shard.
    Shards = 0x6c61_6d70_0007,
    /// What may be written to a shard: shared by who writes, see `shard_gate` in the schema.
    ShardGate = 0x6c61_6d70_0008,
    /// Adding a session.
    Sessions = 0x6c61_6d70_0010,
    /// Saving a view.
    SavedViews = 0x6c61_6d70_0011,
    /// Recording a sample.
    Trends = 0x6c61_6d70_0012,
    /// Saving a round of alerts.
    Alerts = 0x6c61_6d70_0013,
    /// Changing tallies. Also a session's.
    Tallies = 0x6c61_6d70_0014,
    /// Adding the first keys.
    FirstKeys = 0x6c61_6d70_0015,
}

const TAKE: &str = "SELECT pg_advisory_xact_lock($1)";
const TRY: &str = "SELECT pg_try_advisory_xact_lock($1)";
const HOLD: &str = "SELECT pg_advisory_lock($1)";
const TRY_HOLD: &str = "SELECT pg_try_advisory_lock($1)";
const RELEASE: &str = "SELECT pg_advisory_unlock($1)";

impl Lock {
    /// The number of the lock.
    const fn number(self) -> i64 {
        self as i64
    }

    /// Waits until nobody else has it, and takes it until the transaction ends. What is read after
    /// that is what they wrote.
    pub(crate) async fn take(self, transaction: &Transaction<'_>) -> Result<(), Failure> {
        let take = transaction.prepare_cached(TAKE).await?;
        transaction.execute(&take, &[&self.number()]).await?;
        Ok(())
    }

    /// Takes it until the transaction ends, unless someone else has it. Returns whether it did.
    pub(crate) async fn try_take(self, transaction: &Transaction<'_>) -> Result<bool, Failure> {
        let take = transaction.prepare_cached(TRY).await?;
        Ok(transaction.query_one(&take, &[&self.number()]).await?.try_get(0)?)
    }

    /// Waits until nobody else has it, and holds it until the session releases it or ends.
    pub(crate) async fn hold(self, session: &Client) -> Result<(), tokio_postgres::Error> {
        session.execute(HOLD, &[&self.number()]).await?;
        Ok(())
    }

    /// Holds it until the session ends, unless someone else has it. Returns whether it does.
    pub(crate) async fn try_hold(self, session: &Client) -> Result<bool, tokio_postgres::Error> {
        session.query_one(TRY_HOLD, &[&self.number()]).await?.try_get(0)
    }

    /// Releases what the session holds.
    pub(crate) async fn release(self, session: &Client) -> Result<(), tokio_postgres::Error> {
        session.execute(RELEASE, &[&self.number()]).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_takes_the_lock_of_the_gate() {
        let schema = include_str!("../../../migrations/postgres/V5__shards.sql");
        let take = format!("pg_advisory_xact_lock_shared({})", Lock::ShardGate.number());
        assert!(schema.contains(&take), "{take}");
    }
}
