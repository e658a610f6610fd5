//! The table of processing among many events.

use crate::document::Table;
use crate::numbers::{Spread, readable};
use crate::results::Results;
use crate::tables::range;

pub(crate) fn of(results: &Results) -> Option<Table> {
    let rows = results.growth.iter().filter_map(|(rows, growth)| {
        let filled = Spread::of(growth.filled_per_s.iter().copied())?;
        let empty = Spread::of(growth.empty_per_s.iter().copied())?;
        let lookup = |times: &[f64]| {
            Spread::of(times.iter().copied()).map_or("–".into(), |it| readable(it.median))
        };
        #[allow(clippy::cast_precision_loss)]
        let rows = *rows as f64;
        Some(vec![
            readable(rows),
            readable(filled.median),
            range(filled),
            format!("{} %", readable(filled.median / empty.median * 100.0)),
            readable(growth.fill_per_s),
            lookup(&growth.lookup_p50_ms),
            lookup(&growth.lookup_p99_ms),
            growth.filled_per_s.len().to_string(),
        ])
    });
    let columns = [
        "events in the store",
        "events/s",
        "range",
        "of an empty store",
        "filled at events/s",
        "lookup p50 ms",
        "lookup p99 ms",
        "turns",
    ];
    (!results.growth.is_empty()).then(|| Table {
        title: "Processing among many events".into(),
        note: "Payloads of 10 events, each from a new page, beside an empty store in turn. The store's events were \
               received over ten weeks. A lookup finds an event by its page and number."
            .into(),
        columns: columns.map(str::to_owned).into(),
        rows: rows.collect(),
    })
}
