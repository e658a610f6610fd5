//! The rows of a statement as JSON text, within the limits of the answer.

use data_encoding::HEXLOWER;
use rusqlite::Statement;
use rusqlite::types::ValueRef;

use super::user_sql::Stop;
use crate::store::{SqlError, SqlQuery, SqlTable};

/// Reads the rows of `statement`, as many as the answer may have.
pub(super) fn read(statement: &mut Statement<'_>, query: &SqlQuery) -> Result<SqlTable, Stop> {
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    // Names count too: 2,000 columns can have the longest name each.
    let names_bytes: usize = columns.iter().map(String::len).sum();
    let bytes_max = query.bytes_max.checked_sub(names_bytes).ok_or_else(|| too_large(query))?;
    let (mut text, mut count, mut truncated) = ("[".to_owned(), 0, false);
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if count >= query.rows_max {
            truncated = true;
            break;
        }
        let before = text.len();
        for at in 0..columns.len() {
            let begins = match (at, count) {
                (0, 0) => "[",
                (0, _) => ",[",
                _ => ",",
            };
            text.push_str(begins);
            text.push_str(&json(row.get_ref(at)?));
            truncated = text.len() > bytes_max;
            if truncated {
                break;
            }
        }
        if truncated {
            if count == 0 {
                return Err(too_large(query));
            }
            text.truncate(before);
            break;
        }
        text.push(']');
        count += 1;
    }
    text.push(']');
    Ok(SqlTable { columns, rows_json: text, truncated, weeks: Vec::new() })
}

fn too_large(query: &SqlQuery) -> Stop {
    Stop::Refused(SqlError::RowTooLarge(query.bytes_max))
}

/// Blobs become hexadecimal digits. Ids are blobs of 16 bytes.
fn json(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        // Infinity is null.
        ValueRef::Real(number) => serde_json::Value::from(number).to_string(),
        ValueRef::Text(text) => quoted(&String::from_utf8_lossy(text)),
        ValueRef::Blob(blob) => quoted(&HEXLOWER.encode(blob)),
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
