//! What tells whether two sides have the same rows.

use sha2::{Digest, Sha256};

use super::Value;

/// How many rows there are, and the sum of their SHA-256. The order of rows does not count: two
/// databases sort texts differently.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checksum {
    /// How many rows there are.
    pub rows: u64,
    sum: [u128; 2],
}

impl Checksum {
    /// Adds a row.
    pub fn add(&mut self, row: &[Value]) {
        let mut bytes = Vec::with_capacity(256);
        for value in row {
            value.encode(&mut bytes);
        }
        let hash: [u8; 32] = Sha256::digest(&bytes).into();
        let (high, low) = hash.split_at(16);
        for (sum, half) in self.sum.iter_mut().zip([high, low]) {
            let half = half.iter().fold(0, |number, byte| number << 8 | u128::from(*byte));
            *sum = sum.wrapping_add(half);
        }
        self.rows += 1;
    }

    /// Adds rows that were added up elsewhere.
    pub fn join(&mut self, more: Self) {
        self.rows += more.rows;
        for (sum, more) in self.sum.iter_mut().zip(more.sum) {
            *sum = sum.wrapping_add(more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: &[&[Value]]) -> Checksum {
        let mut sum = Checksum::default();
        for row in rows {
            sum.add(row);
        }
        sum
    }

    #[test]
    fn the_order_of_rows_does_not_count_and_everything_else_does() {
        let (a, b) = ([Value::Int(1), Value::Null], [Value::Int(2), Value::Text("x".into())]);
        assert_eq!(of(&[&a, &b]), of(&[&b, &a]));
        assert_ne!(of(&[&a, &b]), of(&[&a]));
        assert_ne!(of(&[&a, &b]), of(&[&a, &a]));
        assert_ne!(of(&[&[Value::Text("x".into())]]), of(&[&[Value::Bytes(b"x".into())]]));
        let swapped = [Value::Null, Value::Int(1)];
        assert_ne!(of(&[&a]), of(&[&swapped]));
    }
}
