//! Checks of the server's own figures.

use std::collections::BTreeMap;

use rusqlite::OptionalExtension;

use super::{Databases, Found};
use crate::store::trend::Rollup;
use crate::store::{Figure, Resolution, Rollups, TrendMark, rollup_text};

const PLACE: &str = "store.db";

pub(super) fn periods(databases: &Databases, found: &mut Found) -> rusqlite::Result<()> {
    let store = databases.store();
    let mark: Option<String> =
        store.query_row("SELECT mark_json FROM trend_mark", [], |row| row.get(0)).optional()?;
    if mark.is_some_and(|text| serde_json::from_str::<TrendMark>(&text).is_err()) {
        found.add(PLACE, "the mark of trends cannot be read", String::new);
    }
    // The longer ones come first. Each row is compared with the row that it is a part of.
    let mut statement = store.prepare(
        "SELECT resolution, begin_ms, figures_json FROM trends ORDER BY begin_ms, resolution DESC",
    )?;
    let mut rows = statement.query([])?;
    let mut parts = Parts::default();
    while let Some(row) = rows.next()? {
        let (number, begin_ms, text): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let resolution = Resolution::ALL.into_iter().find(|it| it.number() == number);
        let shown = || format!("the period at {begin_ms} of resolution {number}");
        let Some(resolution) = resolution.filter(|it| it.begin_ms(begin_ms) == begin_ms) else {
            found.add(PLACE, "a period of trends begins where none does", shown);
            continue;
        };
        let Some(rollups) = rollup_text::read(&text) else {
            found.add(PLACE, "figures of trends cannot be read", shown);
            continue;
        };
        if !rollups.values().all(is_possible) {
            found.add(PLACE, "a figure of trends is not that of any samples", shown);
        }
        parts.add(resolution, begin_ms, &rollups, found);
    }
    parts.end(found);
    Ok(())
}

/// Whether some values add up to this. Sums stop at the ends of their type.
fn is_possible(rollup: &Rollup) -> bool {
    let Rollup { samples, sum, min, max, last } = *rollup;
    let times = |value: i64| i128::from(value) * i128::from(samples);
    let ends = [i64::MIN, i64::MAX];
    let is_sum = (times(min)..=times(max)).contains(&i128::from(sum)) || ends.contains(&sum);
    samples > 0 && (min..=max).contains(&last) && is_sum
}

/// How many samples a period has of each figure, and its parts that are kept.
#[derive(Default)]
struct Whole {
    begin_ms: i64,
    samples: BTreeMap<Figure, u64>,
    of_parts: BTreeMap<Figure, u64>,
}

/// The hour and the day that are being read. Their parts may have been deleted, and so may they,
/// but what is in a part is in the whole.
#[derive(Default)]
struct Parts {
    hour: Option<Whole>,
    day: Option<Whole>,
}

impl Parts {
    fn add(&mut self, resolution: Resolution, begin_ms: i64, rollups: &Rollups, found: &mut Found) {
        let (own, of) = match resolution {
            Resolution::Minute => (None, Some((&mut self.hour, Resolution::Hour))),
            Resolution::Hour => (Some(&mut self.hour), Some((&mut self.day, Resolution::Day))),
            Resolution::Day => (Some(&mut self.day), None),
        };
        let samples = || rollups.iter().map(|(figure, rollup)| (*figure, rollup.samples));
        if let Some((Some(whole), length)) = of
            && whole.begin_ms == length.begin_ms(begin_ms)
        {
            for (figure, count) in samples() {
                *whole.of_parts.entry(figure).or_default() += count;
            }
        }
        if let Some(own) = own {
            let next = Whole { begin_ms, samples: samples().collect(), ..Whole::default() };
            if let Some(whole) = own.replace(next) {
                whole.check(found);
            }
        }
    }

    fn end(self, found: &mut Found) {
        for whole in self.hour.into_iter().chain(self.day) {
            whole.check(found);
        }
    }
}

impl Whole {
    fn check(&self, found: &mut Found) {
        for (figure, count) in &self.of_parts {
            let own = self.samples.get(figure).copied().unwrap_or_default();
            if own < *count {
                let kind = "a period of trends lacks samples that its parts have";
                found.add_many(PLACE, kind, count - own, || {
                    format!(
                        "the one at {} has {own} of {}, its parts {count}",
                        self.begin_ms,
                        figure.name()
                    )
                });
            }
        }
    }
}
