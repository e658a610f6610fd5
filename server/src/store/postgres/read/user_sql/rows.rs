//! The rows of a statement as JSON text, within the limits of the answer.

use tokio_postgres::SimpleQueryRow;
use tokio_postgres::types::{Kind, Type};

use crate::store::postgres::text::given;
use crate::store::{SqlError, SqlQuery, SqlTable};

/// Rows that are being written.
pub(super) struct Rows {
    columns: Vec<String>,
    types: Vec<Type>,
    text: String,
    count: usize,
    count_max: usize,
    /// What the rows may have, beside the names.
    text_max: usize,
    bytes_max: usize,
    truncated: bool,
}

impl Rows {
    /// No rows yet. `None` if not even the names of the columns fit.
    pub(super) fn new(columns: Vec<String>, types: Vec<Type>, query: &SqlQuery) -> Option<Self> {
        let names: usize = columns.iter().map(String::len).sum();
        let text_max = query.bytes_max.checked_sub(names)?;
        let (rows_max, bytes_max) = (query.rows_max, query.bytes_max);
        let text = "[".to_owned();
        Some(Self {
            columns,
            types,
            text,
            count: 0,
            count_max: rows_max,
            text_max,
            bytes_max,
            truncated: false,
        })
    }

    /// Adds a row. Whether more may follow.
    ///
    /// # Errors
    /// [`SqlError::RowTooLarge`], if it is the first and does not fit.
    pub(super) fn take(&mut self, row: &SimpleQueryRow) -> Result<bool, SqlError> {
        if self.count >= self.count_max {
            self.truncated = true;
            return Ok(false);
        }
        let before = self.text.len();
        self.text.push_str(if self.count == 0 { "[" } else { ",[" });
        for (at, kind) in self.types.iter().enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            push(&mut self.text, row.get(at), kind);
            if self.text.len() > self.text_max {
                if self.count == 0 {
                    return Err(SqlError::RowTooLarge(self.bytes_max));
                }
                self.text.truncate(before);
                self.truncated = true;
                return Ok(false);
            }
        }
        self.text.push(']');
        self.count += 1;
        Ok(true)
    }

    /// The table.
    pub(super) fn finish(self) -> SqlTable {
        let Self { columns, mut text, truncated, .. } = self;
        text.push(']');
        SqlTable { columns, rows_json: text, truncated, weeks: Vec::new() }
    }
}

/// Appends a value, given as PostgreSQL writes it. Numbers and truth values are those of JSON, and
/// arrays are its arrays. Bytes and ids are hexadecimal digits. Everything else is text, also JSON.
fn push(out: &mut String, value: Option<&str>, kind: &Type) {
    let Some(value) = value else {
        out.push_str("null");
        return;
    };
    match kind.kind() {
        Kind::Array(of) => push_array(out, value, of),
        Kind::Domain(of) => push(out, Some(value), of),
        _ => push_scalar(out, value, kind),
    }
}

fn push_scalar(out: &mut String, value: &str, kind: &Type) {
    match *kind {
        Type::BOOL => out.push_str(if value == "t" { "true" } else { "false" }),
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => out.push_str(value),
        Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC => {
            // Infinity and what is no number are null.
            let is_number = value.starts_with(|first: char| first == '-' || first.is_ascii_digit())
                && value.ends_with(|last: char| last.is_ascii_digit());
            out.push_str(if is_number { value } else { "null" });
        }
        Type::UUID => push_text(out, &value.replace('-', "")),
        Type::BYTEA => push_text(out, value.strip_prefix("\\x").unwrap_or(value)),
        _ => push_text(out, &given(value.to_owned())),
    }
}

fn push_text(out: &mut String, text: &str) {
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// Appends an array, which PostgreSQL writes as `{1,NULL,"a \"text\""}`. One with other lower
/// bounds than 1 begins with them, and stays a text.
fn push_array(out: &mut String, value: &str, of: &Type) {
    if !value.starts_with('{') {
        push_text(out, value);
        return;
    }
    let (mut letters, mut begins) = (value.chars().peekable(), true);
    // Boxes are the one type whose values are not separated by commas.
    let separator = if *of == Type::BOX { ';' } else { ',' };
    while let Some(letter) = letters.next() {
        match letter {
            '{' => {
                separate(out, &mut begins);
                out.push('[');
                begins = true;
            }
            '}' => {
                out.push(']');
                begins = false;
            }
            '"' => {
                let mut text = String::new();
                while let Some(letter) = letters.next().filter(|letter| *letter != '"') {
                    text.push(if letter == '\\' { letters.next().unwrap_or('\\') } else { letter });
                }
                separate(out, &mut begins);
                push(out, Some(&text), of);
            }
            letter if letter == separator => {}
            letter => {
                let mut text = String::from(letter);
                while let Some(letter) =
                    letters.next_if(|letter| *letter != separator && *letter != '}')
                {
                    text.push(letter);
                }
                separate(out, &mut begins);
                push(out, Some(text.as_str()).filter(|text| *text != "NULL"), of);
            }
        }
    }
}

fn separate(out: &mut String, begins: &mut bool) {
    if !std::mem::replace(begins, false) {
        out.push(',');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &str, kind: &Type) -> String {
        let mut out = String::new();
        push(&mut out, Some(value), kind);
        out
    }

    #[test]
    fn values_of_each_type_are_json() {
        for (value, kind, want) in [
            ("t", Type::BOOL, "true"),
            ("-7", Type::INT8, "-7"),
            ("1e+20", Type::FLOAT8, "1e+20"),
            ("NaN", Type::FLOAT8, "null"),
            ("-Infinity", Type::NUMERIC, "null"),
            ("12345678901234567890.5", Type::NUMERIC, "12345678901234567890.5"),
            ("\\x00ff", Type::BYTEA, "\"00ff\""),
            (
                "018f0000-0000-7000-8000-000000000001",
                Type::UUID,
                "\"018f0000000070008000000000000001\"",
            ),
            ("{\"a\": 1}", Type::JSON, r#""{\"a\": 1}""#),
            ("2026-11-29 12:00:00+00", Type::TIMESTAMPTZ, "\"2026-11-29 12:00:00+00\""),
            ("a\u{10FFFF}0", Type::TEXT, "\"a\\u0000\""),
            ("{}", Type::INT4_ARRAY, "[]"),
            ("{{1,2},{3,NULL}}", Type::INT4_ARRAY, "[[1,2],[3,null]]"),
            (
                r#"{a,"NULL",NULL,"b \"c\" \\ {,}"}"#,
                Type::TEXT_ARRAY,
                r#"["a","NULL",null,"b \"c\" \\ {,}"]"#,
            ),
            ("[0:1]={1,2}", Type::INT4_ARRAY, "\"[0:1]={1,2}\""),
        ] {
            let json = json(value, &kind);
            assert_eq!(json, want, "{value}");
            assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{json}");
        }
    }
}
