//! How values are stored in columns: times as integers, 128-bit ids as 16 bytes.

use lamplight_wire::Producer;
use rusqlite::Row;
use rusqlite::types::Type;
use uuid::Uuid;

use crate::store::{PayloadId, RowId};

/// A column holds a value that Lamplight does not write.
#[derive(Debug, thiserror::Error)]
#[error("read column {0}: its value is not one of those that lamplight writes")]
struct ColumnError(&'static str);

pub(crate) fn column_error(at: usize, name: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, Type::Text, Box::new(ColumnError(name)))
}

pub(crate) fn producer_bytes(producer: Producer) -> [u8; 16] {
    producer.bits().to_be_bytes()
}

pub(crate) fn producer(row: &Row<'_>, at: usize) -> rusqlite::Result<Producer> {
    Ok(Producer::from_bits(u128::from_be_bytes(row.get(at)?)))
}

/// A producer and a number in two columns, both null or neither.
pub(crate) fn number(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<(Producer, u64)>> {
    let bytes: Option<[u8; 16]> = row.get(at)?;
    let seq: Option<u64> = row.get(at + 1)?;
    Ok(bytes.map(|bytes| Producer::from_bits(u128::from_be_bytes(bytes))).zip(seq))
}

pub(crate) fn row_id(row: &Row<'_>, at: usize) -> rusqlite::Result<RowId> {
    Ok(RowId(Uuid::from_bytes(row.get(at)?)))
}

pub(crate) fn payload_id(row: &Row<'_>, at: usize) -> rusqlite::Result<PayloadId> {
    Ok(PayloadId(Uuid::from_bytes(row.get(at)?)))
}
