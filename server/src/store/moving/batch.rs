//! Some rows of a table, and where to continue.

use super::{Row, Value};

/// Where a side has read to: the key of the last row, in the order of that side. The other side
/// keeps it as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(pub Vec<Value>);

impl Key {
    /// The key as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.0.iter().for_each(|value| value.encode(&mut bytes));
        bytes
    }

    /// Reads what [`Self::encode`] wrote.
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut values = Vec::new();
        while !bytes.is_empty() {
            let (value, rest) = Value::decode(bytes)?;
            values.push(value);
            bytes = rest;
        }
        Some(Self(values))
    }
}

/// Rows that follow each other.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The rows.
    pub rows: Vec<Row>,
    /// Where they end, if there are more.
    pub next: Option<Key>,
}

impl Batch {
    /// The most rows of one.
    pub const ROWS_MAX: usize = 2_000;
    /// The most bytes of one, beside its last row.
    pub const BYTES_MAX: usize = 4 << 20;
}
