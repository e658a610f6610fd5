//! The text in which rollups are stored: a JSON object by the names of figures. A figure with one
//! sample is a number, others are `[samples, sum, min, max, last]`.

use serde_json::{Map, Value};

use super::figure::Figure;
use super::trend::{Rollup, Rollups};

/// The text of `rollups`.
pub fn write(rollups: &Rollups) -> String {
    let text = |rollup: &Rollup| match rollup {
        Rollup { samples: 1, last, .. } => Value::from(*last),
        Rollup { samples, sum, min, max, last } => Value::from(vec![
            Value::from(*samples),
            (*sum).into(),
            (*min).into(),
            (*max).into(),
            (*last).into(),
        ]),
    };
    let figures = rollups.iter().map(|(figure, rollup)| (figure.name().to_owned(), text(rollup)));
    Value::Object(figures.collect()).to_string()
}

/// The rollups of a text. Figures that this version does not know are left out.
pub fn read(text: &str) -> Option<Rollups> {
    let figures: Map<String, Value> = serde_json::from_str(text).ok()?;
    let known = figures.iter().filter_map(|(name, value)| Some((Figure::from_name(name)?, value)));
    known.map(|(figure, value)| Some((figure, rollup(value)?))).collect()
}

fn rollup(value: &Value) -> Option<Rollup> {
    match value {
        Value::Array(parts) => {
            let [samples, sum, min, max, last] = parts.as_slice() else { return None };
            Some(Rollup {
                samples: samples.as_u64()?,
                sum: sum.as_i64()?,
                min: min.as_i64()?,
                max: max.as_i64()?,
                last: last.as_i64()?,
            })
        }
        value => value.as_i64().map(Rollup::of),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rollups_are_read_as_they_were_written_and_unknown_figures_are_left_out() {
        let many = Rollup { samples: 3, sum: -5, min: i64::MIN, max: i64::MAX, last: 2 };
        let rollups = Rollups::from([(Figure::Stored, Rollup::of(7)), (Figure::SyncUs, many)]);
        let text = write(&rollups);
        assert!(text.starts_with(r#"{"stored":7,"#), "{text}");
        assert_eq!(read(&text), Some(rollups.clone()));
        assert_eq!(read(&text.replace('{', r#"{"of_a_later_version":[1],"#)), Some(rollups));
        assert_eq!(read(r#"{"stored":[1,2]}"#), None);
    }
}
