//! Writing many rows: `COPY … FROM STDIN (FORMAT binary)`.

use std::pin::Pin;

use bytes::{BufMut, Bytes, BytesMut};
use deadpool_postgres::Transaction;
use futures_util::SinkExt;
use tokio_postgres::CopyInSink;
use tokio_postgres::types::{IsNull, ToSql, Type};

use super::connection::failure::Failure;

/// What a binary copy begins with: the signature, no flags, and no more header.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with.
const TRAILER: i16 = -1;
/// How many bytes are sent at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// A table to copy rows to: its columns and their types, in order.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) table: &'a str,
    pub(crate) columns: &'a str,
    pub(crate) types: &'a [Type],
}

/// Takes the columns of one row, in order.
pub(crate) struct RowWriter<'a> {
    bytes: &'a mut BytesMut,
    types: std::slice::Iter<'a, Type>,
}

impl RowWriter<'_> {
    /// Writes the next column.
    pub(crate) fn put(&mut self, value: &(dyn ToSql + Sync)) -> Result<(), Failure> {
        let ty = self.types.next().ok_or(Failure::Column("a copy"))?;
        let at = self.bytes.len();
        self.bytes.put_i32(-1);
        let written =
            value.to_sql_checked(ty, self.bytes).map_err(|_| Failure::Column("a copy"))?;
        if matches!(written, IsNull::No) {
            let length = super::columns::int(self.bytes.len() - at - 4);
            if let Some(place) = self.bytes.get_mut(at..at + 4) {
                place.copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(())
    }
}

/// A copy that is under way.
pub(crate) struct CopyIn<'t> {
    sink: Pin<Box<CopyInSink<Bytes>>>,
    bytes: BytesMut,
    types: &'t [Type],
}

impl<'t> CopyIn<'t> {
    /// Begins to copy rows to a table. Until it is finished, the transaction does nothing else.
    pub(crate) async fn begin(
        transaction: &Transaction<'_>,
        target: Target<'t>,
    ) -> Result<Self, Failure> {
        let Target { table, columns, types } = target;
        let statement = format!("COPY {table} ({columns}) FROM STDIN (FORMAT binary)");
        let sink = Box::pin(transaction.copy_in(&statement).await?);
        Ok(Self { sink, bytes: BytesMut::from(HEADER), types })
    }

    /// Writes a row. `write` passes on its columns.
    pub(crate) async fn row(
        &mut self,
        write: impl FnOnce(&mut RowWriter<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.bytes.put_i16(i16::try_from(self.types.len()).unwrap_or(i16::MAX));
        write(&mut RowWriter { bytes: &mut self.bytes, types: self.types.iter() })?;
        if self.bytes.len() >= CHUNK_BYTES {
            self.sink.feed(self.bytes.split().freeze()).await?;
        }
        Ok(())
    }

    /// Writes the end.
    pub(crate) async fn finish(mut self) -> Result<(), Failure> {
        self.bytes.put_i16(TRAILER);
        self.sink.send(self.bytes.freeze()).await?;
        self.sink.as_mut().finish().await?;
        Ok(())
    }
}

/// Writes rows to a table. `write` passes on the columns of each row.
pub(crate) async fn rows<R: Sync>(
    transaction: &Transaction<'_>,
    target: Target<'_>,
    rows: &[R],
    write: impl Fn(&R, &mut RowWriter<'_>) -> Result<(), Failure> + Send + Sync,
) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut copy = CopyIn::begin(transaction, target).await?;
    for row in rows {
        copy.row(|to| write(row, to)).await?;
    }
    copy.finish().await
}
