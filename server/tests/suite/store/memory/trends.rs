//! Trends.

use std::collections::BTreeMap;

use lamplight_server::store::{
    Answer, PRUNED_MAX, Resolution, Rollups, Sample, TrendMark, TrendQuery, TrendRow, Trends, trend,
};

use super::events::MemoryEvents;
use super::tables::answer;

/// What is kept of the server's own figures.
#[derive(Clone, Default)]
pub(super) struct TrendTables {
    rows: BTreeMap<(Resolution, i64), Rollups>,
    mark: Option<TrendMark>,
}

impl TrendTables {
    fn record(&mut self, sample: &Sample) {
        let Some(measured) = sample.measure(self.mark.as_ref()) else { return };
        for resolution in Resolution::ALL {
            let key = (resolution, resolution.begin_ms(sample.at_ms));
            let is_new = !self.rows.contains_key(&key);
            trend::add(self.rows.entry(key).or_default(), &measured.values);
            if let Some((from_ms, to_ms)) = sample.kept_ms(resolution).filter(|_| is_new) {
                self.prune(resolution, from_ms, to_ms);
            }
        }
        self.mark = Some(measured.mark);
    }

    fn prune(&mut self, resolution: Resolution, from_ms: i64, to_ms: i64) {
        let keys = |from: i64, to: i64| (resolution, from)..(resolution, to.max(from));
        let old = self.rows.range(keys(i64::MIN, from_ms)).map(|(key, _)| *key);
        let mut pruned: Vec<_> = old.take(PRUNED_MAX as usize).collect();
        let ahead = self.rows.range(keys(to_ms, i64::MAX)).rev().map(|(key, _)| *key);
        pruned.extend(ahead.take(PRUNED_MAX as usize));
        for key in pruned {
            self.rows.remove(&key);
        }
    }
}

impl Trends for MemoryEvents {
    fn record(&self, sample: Sample) -> Answer<'_, ()> {
        answer(self.tables.write(|tables| {
            tables.trends.record(&sample);
            Ok(())
        }))
    }

    fn periods(&self, query: TrendQuery) -> Answer<'_, Vec<TrendRow>> {
        let TrendQuery { resolution, from_ms, to_ms, limit } = query;
        answer(self.tables.read(|tables| {
            let keys = (resolution, from_ms)..(resolution, to_ms.max(from_ms));
            let rows = tables.trends.rows.range(keys).rev().take(limit as usize);
            rows.map(|((_, begin_ms), figures)| TrendRow {
                begin_ms: *begin_ms,
                figures: figures.clone(),
            })
            .collect()
        }))
    }

    fn first_event_ms(&self) -> Answer<'_, Option<i64>> {
        answer(self.tables.read(|tables| {
            let mut kept = tables.weeks.iter().filter(|(_, mark)| mark.removed_ms.is_none());
            kept.next().map(|(week, _)| week.from_ms())
        }))
    }
}
