//! One spelling for each number.

/// Numbers with up to this many digits are written without an exponent.
const PLAIN_DIGITS_MAX: i64 = 40;
/// Up to this many zeros may follow the point of a number below 1.
const LEADING_ZEROS_MAX: i64 = 6;
/// No number that anyone can mean has a larger exponent.
const EXPONENT_MAX: i64 = 1 << 40;

/// Appends a JSON number so that equal numbers are the same text: 25, 25.0 and 2.5e1 are `25`. No
/// digit is lost. A number whose exponent has no meaning is left as it is spelled.
pub(super) fn push(out: &mut String, json: &str) {
    if write(out, json).is_none() {
        out.push_str(json);
    }
}

fn write(out: &mut String, json: &str) -> Option<()> {
    let (sign, unsigned) = match json.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", json),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent),
        None => (unsigned, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0');
    let digits = significant.trim_end_matches('0');
    if digits.is_empty() {
        out.push('0');
        return Some(());
    }
    let exponent: i64 = exponent.parse().ok()?;
    if exponent.abs() > EXPONENT_MAX {
        return None;
    }
    // The number is 0.<digits> times ten to the power of `point`.
    let leading = i64::try_from(all.len() - significant.len()).ok()?;
    let point = i64::try_from(whole.len()).ok()? - leading + exponent;
    out.push_str(sign);
    let count = i64::try_from(digits.len()).ok()?;
    if (count..=PLAIN_DIGITS_MAX).contains(&point) {
        out.push_str(digits);
        push_zeros(out, point - count);
    } else if (1..count).contains(&point) {
        let (before, after) = digits.split_at(usize::try_from(point).ok()?);
        out.extend([before, ".", after]);
    } else if (-LEADING_ZEROS_MAX..=0).contains(&point) {
        out.push_str("0.");
        push_zeros(out, -point);
        out.push_str(digits);
    } else {
        let (first, rest) = digits.split_at(1);
        out.push_str(first);
        if !rest.is_empty() {
            out.extend([".", rest]);
        }
        out.push('e');
        out.push_str(&(point - 1).to_string());
    }
    Some(())
}

fn push_zeros(out: &mut String, count: i64) {
    out.extend((0..count).map(|_| '0'));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(json: &str) -> String {
        let mut out = String::new();
        push(&mut out, json);
        out
    }

    #[test]
    fn every_spelling_of_a_number_is_written_alike() {
        for (want, spellings) in [
            ("25", &["25", "25.0", "2.5e1", "2.50E+1", "0.25e2", "250e-1", "25e0"][..]),
            ("0", &["0", "-0", "0.00", "-0.0e5", "0e99999999999999999999"]),
            ("-1.5", &["-1.5", "-15e-1", "-0.0015e3"]),
            ("100", &["100", "1e2", "1E2"]),
            ("0.001", &["0.001", "1e-3", "1.0e-003"]),
            ("1e-8", &["0.00000001", "1e-8", "10e-9"]),
            ("1.2e400", &["1.2e400", "12e399", "0.12e401"]),
            ("9007199254740993", &["9007199254740993", "9007199254740993.0"]),
            ("123456789012345678901234567890", &["123456789012345678901234567890"]),
            ("1e99999999999999999999", &["1e99999999999999999999"]),
        ] {
            for spelling in spellings {
                assert_eq!(canonical(spelling), want, "{spelling}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_number_keeps_its_value_and_is_written_once(number: f64) {
            prop_assume!(number.is_finite());
            let text = canonical(&serde_json::to_string(&number).unwrap());
            prop_assert!((text.parse::<f64>().unwrap() - number).abs() == 0.0, "{}", text);
            prop_assert_eq!(canonical(&text), text);
        }

        #[test]
        fn an_integer_keeps_every_digit(number: i128, zeros in 0usize..5) {
            let spelled = format!("{number}.{}", "0".repeat(zeros + 1));
            prop_assert_eq!(canonical(&number.to_string()), number.to_string());
            prop_assert_eq!(canonical(&spelled), number.to_string());
        }
    }
}
