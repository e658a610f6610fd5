//! How values are stored in columns: times and counts as `bigint`, 128-bit ids as `uuid`.

use bytes::BytesMut;
use lamplight_wire::Producer;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};
use uuid::Uuid;

use super::connection::failure::Failure;
use super::text;
pub(crate) use crate::store::bucket::{
    bucket_of_client_id, bucket_of_event, bucket_of_id, bucket_of_producer, hash,
};
use crate::store::{PayloadId, RowId};

/// A value of a column.
pub(crate) fn get<'r, T: FromSql<'r>>(row: &'r Row, at: usize) -> Result<T, Failure> {
    Ok(row.try_get(at)?)
}

/// A text, as it was given.
pub(crate) fn text(row: &Row, at: usize) -> Result<String, Failure> {
    Ok(text::given(get(row, at)?))
}

/// A text, as it was given, if there is one.
pub(crate) fn text_or_null(row: &Row, at: usize) -> Result<Option<String>, Failure> {
    Ok(get::<Option<String>>(row, at)?.map(text::given))
}

/// A count, which is never negative.
pub(crate) fn count(row: &Row, at: usize) -> Result<u64, Failure> {
    u64::try_from(get::<i64>(row, at)?).map_err(|_| Failure::Column("a count"))
}

/// A small count, which is never negative.
pub(crate) fn small_count(row: &Row, at: usize) -> Result<u32, Failure> {
    u32::try_from(get::<i32>(row, at)?).map_err(|_| Failure::Column("a count"))
}

/// A number as the database keeps it. Larger ones than it can keep become the largest.
pub(crate) fn big(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A small number as the database keeps it. Larger ones than it can keep become the largest.
pub(crate) fn int(number: impl TryInto<i32>) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}

/// A producer's column.
pub(crate) fn producer_uuid(producer: Producer) -> Uuid {
    Uuid::from_u128(producer.bits())
}

/// A producer.
pub(crate) fn producer(row: &Row, at: usize) -> Result<Producer, Failure> {
    Ok(Producer::from_bits(get::<Uuid>(row, at)?.as_u128()))
}

/// A producer and a number in two columns, both null or neither.
pub(crate) fn number(
    row: &Row,
    producer: usize,
    seq: usize,
) -> Result<Option<(Producer, u64)>, Failure> {
    let bits: Option<Uuid> = get(row, producer)?;
    let seq: Option<i64> = get(row, seq)?;
    let seq = seq.map(|seq| u64::try_from(seq).map_err(|_| Failure::Column("seq"))).transpose()?;
    Ok(bits.map(|bits| Producer::from_bits(bits.as_u128())).zip(seq))
}

/// The id of a row of events.
pub(crate) fn row_id(row: &Row, at: usize) -> Result<RowId, Failure> {
    Ok(RowId(get(row, at)?))
}

/// The id of a payload.
pub(crate) fn payload_id(row: &Row, at: usize) -> Result<PayloadId, Failure> {
    Ok(PayloadId(get(row, at)?))
}

/// JSON as it is stored, verbatim.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Json<'a>(pub(crate) &'a str);

impl ToSql for Json<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::JSON
    }

    tokio_postgres::types::to_sql_checked!();
}
