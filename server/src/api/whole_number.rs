//! Whole numbers in bodies, in each form that JSON has for them: 55, 55.0 and 5.5e1 are the same
//! number, and some languages know no other than the second.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Number;

/// The largest number up to which each whole number is a double: 2^53.
const DOUBLE_MAX: f64 = 9_007_199_254_740_992.0;

/// The whole number, if it is one.
pub(super) fn whole<T: TryFrom<i128>>(number: &Number) -> Option<T> {
    let exact = number.as_i128().or_else(|| number.as_f64().and_then(of_double))?;
    T::try_from(exact).ok()
}

#[allow(clippy::cast_possible_truncation, reason = "checked before")]
fn of_double(number: f64) -> Option<i128> {
    (number.fract() == 0.0 && number.abs() <= DOUBLE_MAX).then_some(number as i128)
}

/// Reads a whole number, or `null`.
///
/// # Errors
/// When it is no number, not whole, negative, or too large.
pub(super) fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i128>,
{
    let Some(number) = Option::<Number>::deserialize(deserializer)? else { return Ok(None) };
    let found = whole(&number);
    found.map(Some).ok_or_else(|| D::Error::custom(format!("{number} is not a whole number here")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: TryFrom<i128>>(json: &str) -> Result<Option<T>, String> {
        optional(&mut serde_json::Deserializer::from_str(json)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_whole_number_is_read_in_each_form_and_nothing_else_is() {
        for json in ["55", "55.0", "5.5e1", "550e-1"] {
            assert_eq!(read::<u32>(json), Ok(Some(55)), "{json}");
        }
        assert_eq!(read::<u32>("null"), Ok(None));
        assert_eq!(read::<i64>("-3543773601.0"), Ok(Some(-3_543_773_601)));
        assert_eq!(read::<u64>("18446744073709551615"), Ok(Some(u64::MAX)));
        for json in
            ["5.5", "-1", "-1.0", "1e300", "\"5\"", "true", "[]", "4294967296", "4294967296.0"]
        {
            assert!(read::<u32>(json).is_err(), "{json}");
        }
        assert!(read::<u32>("5.5").unwrap_err().starts_with("5.5 is not a whole number here"));
    }
}
