//! Which sources are shown by their names. Anyone who can create keys can create sources, and each
//! name makes time series, so their number has a limit.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use crate::store::SourceTotals;

/// The most sources that are shown by name.
const NAMED_MAX: usize = 100;
/// The name under which all others are shown together, and a source that is really called so.
const OTHER: &str = "other";

/// The sources that are shown by name. Once a source is among them, it stays while the process
/// runs, so that no time series moves into another.
#[derive(Debug, Default)]
pub struct NamedSources(Mutex<BTreeSet<String>>);

impl NamedSources {
    /// Shows the sources that have made the most by their names, and adds up all others.
    pub(super) fn fold(&self, sources: Vec<SourceTotals>) -> Vec<SourceTotals> {
        let mut named = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A source that was forgotten gives its place to another.
        let present: HashSet<&str> = sources.iter().map(|it| it.source.as_str()).collect();
        named.retain(|name| present.contains(name.as_str()));
        let mut new: Vec<&SourceTotals> =
            sources.iter().filter(|it| it.source != OTHER && !named.contains(&it.source)).collect();
        new.sort_by_key(|it| std::cmp::Reverse(it.made));
        let places = NAMED_MAX.saturating_sub(named.len());
        let chosen: Vec<String> =
            new.into_iter().take(places).map(|it| it.source.clone()).collect();
        named.extend(chosen);
        let (mut shown, rest): (Vec<_>, Vec<_>) =
            sources.into_iter().partition(|it| named.contains(&it.source));
        let other = rest.into_iter().reduce(|sum, it| SourceTotals {
            source: sum.source,
            producers: sum.producers + it.producers,
            made: sum.made + it.made,
            received: sum.received + it.received,
            declared: sum.declared + it.declared,
            missing: sum.missing + it.missing,
        });
        shown.extend(other.map(|sum| SourceTotals { source: OTHER.to_owned(), ..sum }));
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, made: u64) -> SourceTotals {
        SourceTotals {
            source: name.to_owned(),
            producers: 1,
            made,
            received: made,
            ..SourceTotals::default()
        }
    }

    fn names(sources: &[SourceTotals]) -> HashSet<&str> {
        sources.iter().map(|it| it.source.as_str()).collect()
    }

    #[test]
    fn ten_thousand_sources_make_a_bounded_number_of_names_that_stay() {
        let named = NamedSources::default();
        let many =
            |more: u64| (0..10_000).map(move |n| source(&format!("s{n}"), n + more * (n % 7)));
        let first = named.fold(many(0).collect());
        assert_eq!(first.len(), NAMED_MAX + 1);
        assert!(names(&first).contains("s9999") && !names(&first).contains("s0"));
        let last = first.last().unwrap();
        assert_eq!((last.source.as_str(), last.producers), (OTHER, 9_900));
        assert_eq!(first.iter().map(|it| it.made).sum::<u64>(), 9_999 * 10_000 / 2);
        let later = named.fold(many(100_000).collect());
        assert_eq!(names(&first), names(&later), "whichever have made the most by now");
    }

    #[test]
    fn a_source_called_other_is_among_the_others() {
        let named = NamedSources::default();
        let shown = named.fold(vec![source("other", 5), source("web", 1)]);
        assert_eq!(shown, [source("web", 1), source("other", 5)]);
        assert_eq!(named.fold(Vec::new()), []);
    }
}
