//! Values as both kinds of databases have them.

/// A value of a column. Ids are bytes, and what is true is 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Nothing.
    Null,
    /// A number, a time, or whether something is so.
    Int(i64),
    /// A text, as it was given.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A row of a table: a value for each of its columns.
pub type Row = Vec<Value>;

impl Value {
    /// The value as bytes that say where they end.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (kind, bytes) = match self {
            Self::Null => return out.push(0),
            Self::Int(number) => {
                out.push(1);
                return out.extend(number.to_be_bytes());
            }
            Self::Text(text) => (2, text.as_bytes()),
            Self::Bytes(bytes) => (3, bytes.as_slice()),
        };
        out.push(kind);
        out.extend((bytes.len() as u64).to_be_bytes());
        out.extend(bytes);
    }

    /// Reads what [`Self::encode`] wrote, and gives the rest.
    pub fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (kind, rest) = bytes.split_first()?;
        if *kind == 0 {
            return Some((Self::Null, rest));
        }
        let (number, rest) = rest.split_first_chunk::<8>()?;
        if *kind == 1 {
            return Some((Self::Int(i64::from_be_bytes(*number)), rest));
        }
        let length = usize::try_from(u64::from_be_bytes(*number)).ok()?;
        let (bytes, rest) = rest.split_at_checked(length)?;
        match kind {
            2 => Some((Self::Text(String::from_utf8(bytes.to_vec()).ok()?), rest)),
            3 => Some((Self::Bytes(bytes.to_vec()), rest)),
            _ => None,
        }
    }

    /// How many bytes it takes, about.
    pub fn size(&self) -> usize {
        match self {
            Self::Null | Self::Int(_) => 8,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// The number, if it is one.
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes, if it has some.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::Int),
            "[\0-\u{10FFFF}]{0,6}".prop_map(Value::Text),
            proptest::collection::vec(any::<u8>(), 0..6).prop_map(Value::Bytes),
        ]
    }

    proptest! {
        #[test]
        fn values_are_decoded_as_they_were_encoded(values in proptest::collection::vec(any_value(), 0..5)) {
            let mut bytes = Vec::new();
            for value in &values {
                value.encode(&mut bytes);
            }
            let (mut rest, mut decoded) = (bytes.as_slice(), Vec::new());
            while let Some((value, more)) = Value::decode(rest) {
                decoded.push(value);
                rest = more;
            }
            prop_assert_eq!(decoded, values);
            for end in 0..bytes.len() {
                let mut rest = &bytes[..end];
                while let Some((_, more)) = Value::decode(rest) {
                    rest = more;
                }
            }
        }
    }
}
