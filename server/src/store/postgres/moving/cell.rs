//! Values as PostgreSQL has them.

use bytes::{BufMut, BytesMut};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};
use uuid::Uuid;

use crate::store::moving::Value;
use crate::store::postgres::columns::get;
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::text::{given, kept};

/// A value to write. A text that is `raw` is written as it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'v> {
    pub(super) value: &'v Value,
    pub(super) is_raw: bool,
}

/// A value is not one that its column takes.
#[derive(Debug, thiserror::Error)]
#[error("{0} is no value of a column of type {1}")]
struct WrongType(&'static str, String);

impl ToSql for Cell<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let wrong = |what| Box::new(WrongType(what, ty.to_string()));
        match self.value {
            Value::Null => return Ok(IsNull::Yes),
            Value::Int(number) => match *ty {
                Type::INT8 => out.put_i64(*number),
                Type::INT4 => out.put_i32(i32::try_from(*number)?),
                Type::INT2 => out.put_i16(i16::try_from(*number)?),
                Type::BOOL => out.put_u8(u8::from(*number != 0)),
                _ => return Err(wrong("a number")),
            },
            Value::Text(text) => match *ty {
                Type::TEXT if !self.is_raw => out.put_slice(kept(text).as_bytes()),
                Type::TEXT | Type::JSON => out.put_slice(text.as_bytes()),
                _ => return Err(wrong("a text")),
            },
            Value::Bytes(bytes) => match *ty {
                Type::UUID => out.put_slice(Uuid::from_slice(bytes)?.as_bytes()),
                Type::BYTEA => out.put_slice(bytes),
                _ => return Err(wrong("bytes")),
            },
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

/// The value in a column. A text that is `raw` is read as it is.
pub(super) fn value(row: &Row, at: usize, is_raw: bool) -> Result<Value, Failure> {
    let ty = row.columns().get(at).map(tokio_postgres::Column::type_);
    Ok(match ty {
        Some(&Type::INT8) => number(get::<Option<i64>>(row, at)?),
        Some(&Type::INT4) => number(get::<Option<i32>>(row, at)?),
        Some(&Type::INT2) => number(get::<Option<i16>>(row, at)?),
        Some(&Type::BOOL) => number(get::<Option<bool>>(row, at)?),
        Some(&Type::UUID) => {
            let id: Option<Uuid> = get(row, at)?;
            id.map_or(Value::Null, |id| Value::Bytes(id.as_bytes().to_vec()))
        }
        Some(&Type::BYTEA) => get::<Option<Vec<u8>>>(row, at)?.map_or(Value::Null, Value::Bytes),
        Some(&Type::JSON) => get::<Option<JsonText>>(row, at)?
            .map_or(Value::Null, |JsonText(text)| Value::Text(text)),
        Some(_) => match get::<Option<String>>(row, at)? {
            None => Value::Null,
            Some(text) if is_raw => Value::Text(text),
            Some(text) => Value::Text(given(text)),
        },
        None => return Err(Failure::Column("a column that is not there")),
    })
}

fn number<T: Into<i64>>(number: Option<T>) -> Value {
    number.map_or(Value::Null, |number| Value::Int(number.into()))
}

/// JSON, verbatim.
struct JsonText(String);

impl<'a> FromSql<'a> for JsonText {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(std::str::from_utf8(raw)?.to_owned()))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::JSON
    }
}
