//! How much arrived over time.

use std::collections::BTreeMap;

use super::counts::Counts;
use super::key::TallyKind;
use crate::store::Resolution;

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
        let sources = sources.into_iter().map(|(source, counts)| SourceTraffic { source, counts });
        Traffic { start_ms, step_ms, all, sources: sources.collect() }
    }
}
