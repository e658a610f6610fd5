//! The gate: what may be written to this shard now.
//!
//! Whoever writes something that has a bucket holds the lock `ShardGate`, which writers share,
//! until the transaction ends. A change of the map needs it alone. So nobody writes what the map no
//! longer allows, and when the map has changed, nobody is still doing so.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use crate::store::StoreError;
use crate::store::postgres::columns::{count, get};
use crate::store::postgres::connection::failure::{Failure, RETRY_AFTER_S};
use crate::store::shard_map::BucketSet;

/// The epoch, and the buckets that may be written. After a wait for a change of the map, it is what
/// the change has made.
pub(crate) const HERE: &str = "SELECT epoch, writable FROM shard_gate()";
const IS_MOVING: &str = "SELECT is_moving FROM shard_gate()";

/// The epoch of the shard map that a server knows. 0 for a server that has one database.
#[derive(Debug, Clone, Default)]
pub struct ShardEpoch(Arc<AtomicU64>);

impl ShardEpoch {
    /// The server knows the map of this epoch from now on.
    pub fn set(&self, epoch: u64) {
        self.0.store(epoch, Ordering::Release);
    }

    /// The epoch that the server knows.
    pub fn known(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// What may be written to this shard until the transaction ends.
#[derive(Debug)]
pub(crate) struct Gate {
    /// Everything, if the database is alone.
    writable: Option<BucketSet>,
}

impl Gate {
    /// Takes the lock.
    ///
    /// # Errors
    /// [`StoreError::OtherEpoch`], in a [`Failure`], if the server knows another epoch.
    pub(crate) async fn take(transaction: &Transaction<'_>, epoch: u64) -> Result<Self, Failure> {
        let here = transaction.prepare_cached(HERE).await?;
        Self::read(transaction.query(&here, &[]).await?.first(), epoch)
    }

    /// Reads a row that begins with the columns of [`HERE`].
    pub(crate) fn read(row: Option<&Row>, known: u64) -> Result<Self, Failure> {
        let row = row.ok_or(Failure::Column("shard"))?;
        let found = count(row, 0)?;
        if found != known {
            return Err(StoreError::OtherEpoch { known, found }.into());
        }
        let read = |bytes| BucketSet::from_bytes(bytes).ok_or(Failure::Column("writable"));
        Ok(Self { writable: get::<Option<&[u8]>>(row, 1)?.map(read).transpose()? })
    }

    /// Whether the database has always been alone.
    pub(crate) fn is_alone(&self) -> bool {
        self.writable.is_none()
    }

    /// Fails unless all of these buckets may be written.
    ///
    /// # Errors
    /// [`StoreError::Moving`], in a [`Failure`].
    pub(crate) fn check(&self, buckets: impl FnOnce() -> BTreeSet<i16>) -> Result<(), Failure> {
        let Some(writable) = &self.writable else { return Ok(()) };
        let is_writable = |bucket: i16| u16::try_from(bucket).is_ok_and(|it| writable.contains(it));
        if buckets().into_iter().all(is_writable) {
            return Ok(());
        }
        Err(StoreError::Moving { retry_after_s: RETRY_AFTER_S }.into())
    }
}

/// Whether buckets are on their way from here or to here. If they are not, none sets out until the
/// transaction ends.
pub(crate) async fn is_moving(transaction: &Transaction<'_>) -> Result<bool, Failure> {
    let is_moving = transaction.prepare_cached(IS_MOVING).await?;
    get(&transaction.query_one(&is_moving, &[]).await?, 0)
}

/// Fails while buckets are on their way from here or to here. If none is, none sets out until the
/// transaction ends.
///
/// # Errors
/// [`StoreError::Moving`], in a [`Failure`].
pub(crate) async fn refuse_while_moving(transaction: &Transaction<'_>) -> Result<(), Failure> {
    if is_moving(transaction).await? {
        return Err(StoreError::Moving { retry_after_s: RETRY_AFTER_S }.into());
    }
    Ok(())
}
