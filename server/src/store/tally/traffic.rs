//! How much arrived over time.

use std::collections::BTreeMap;

use super::counts::Counts;
use super::key::TallyKind;
use crate::store::Resolution;

/// The most sources that are shown apart. Others are in the sum of all.
pub const SOURCES_MAX: usize = 100;

/// Which periods to read.
#[derive(Debug, Clone)]
pub struct TrafficQuery {
    /// Only of this source.
    pub source: Option<String>,
    /// How long they are.
    pub resolution: Resolution,
    /// The first begins at this time or is the one that contains it, in milliseconds since 1970.
    pub from_ms: i64,
    /// Only those that begin before this time.
    pub to_ms: i64,
}

/// How much arrived in each period, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrafficCounts {
    /// Events stored.
    pub stored: Vec<u64>,
    /// Arrivals of events that had arrived before.
    pub duplicates: Vec<u64>,
    /// Events that cannot be stored.
    pub invalid: Vec<u64>,
}

/// How much arrived of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTraffic {
    /// The source.
    pub source: String,
    /// How much.
    pub counts: TrafficCounts,
}

/// How much arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traffic {
    /// When the first period begins, in milliseconds since 1970.
    pub start_ms: i64,
    /// How long each is.
    pub step_ms: i64,
    /// Of all sources that were asked for.
    pub all: TrafficCounts,
    /// Of each source, by name.
    pub sources: Vec<SourceTraffic>,
}

impl TrafficCounts {
    fn zeros(periods: usize) -> Self {
        let zeros = vec![0; periods];
        Self { stored: zeros.clone(), duplicates: zeros.clone(), invalid: zeros }
    }

    fn merge(&mut self, other: &Self) {
        for (mine, others) in [
            (&mut self.stored, &other.stored),
            (&mut self.duplicates, &other.duplicates),
            (&mut self.invalid, &other.invalid),
        ] {
            mine.resize(mine.len().max(others.len()), 0);
            for (count, more) in mine.iter_mut().zip(others) {
                *count += more;
            }
        }
    }

    fn total(&self) -> u64 {
        [&self.stored, &self.duplicates, &self.invalid].into_iter().flatten().sum()
    }

    fn of(&mut self, kind: TallyKind) -> Option<&mut Vec<u64>> {
        match kind {
            TallyKind::Stored => Some(&mut self.stored),
            TallyKind::Duplicates => Some(&mut self.duplicates),
            TallyKind::Invalid => Some(&mut self.invalid),
            TallyKind::Name | TallyKind::Error(_) => None,
        }
    }
}

impl TrafficQuery {
    /// Adds up tallies of sources, each with its kind.
    pub fn add_up(
        &self,
        tallies: impl IntoIterator<Item = (TallyKind, String, Counts)>,
    ) -> Traffic {
        let step_ms = self.resolution.period_ms();
        let start_ms = self.resolution.begin_ms(self.from_ms);
        let length_ms = self.to_ms.saturating_sub(start_ms).max(0);
        let periods = usize::try_from(length_ms.saturating_add(step_ms - 1) / step_ms).unwrap_or(0);
        let mut all = TrafficCounts::zeros(periods);
        let mut sources = BTreeMap::<String, TrafficCounts>::new();
        for (kind, source, counts) in tallies {
            if self.source.as_ref().is_some_and(|it| *it != source) {
                continue;
            }
            let of_source = sources.entry(source).or_insert_with(|| TrafficCounts::zeros(periods));
            for bucket in counts.buckets(self.resolution, start_ms, self.to_ms) {
                let at = usize::try_from((bucket.begin_ms - start_ms) / step_ms).unwrap_or(0);
                let count = u64::try_from(bucket.count).unwrap_or(0);
                for counts in [&mut all, &mut *of_source] {
                    if let Some(period) = counts.of(kind).and_then(|it| it.get_mut(at)) {
                        *period += count;
                    }
                }
            }
        }
        Traffic { start_ms, step_ms, all, sources: shown(sources) }
    }
}

/// The sources that are shown apart.
fn shown(sources: BTreeMap<String, TrafficCounts>) -> Vec<SourceTraffic> {
    let mut sources: Vec<_> =
        sources.into_iter().map(|(source, counts)| SourceTraffic { source, counts }).collect();
    if sources.len() > SOURCES_MAX {
        sources.sort_by_cached_key(|it| std::cmp::Reverse(it.counts.total()));
        sources.truncate(SOURCES_MAX);
        sources.sort_by(|a, b| a.source.cmp(&b.source));
    }
    sources
}

impl Traffic {
    /// Adds up what several databases have of the same periods.
    pub fn merged(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut merged = Self::default();
        let mut sources = BTreeMap::<String, TrafficCounts>::new();
        for part in parts {
            (merged.start_ms, merged.step_ms) = (part.start_ms, part.step_ms);
            merged.all.merge(&part.all);
            for SourceTraffic { source, counts } in part.sources {
                sources.entry(source).or_default().merge(&counts);
            }
        }
        Self { sources: shown(sources), ..merged }
    }
}
