//! Counts by time: those of the databases, added up.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::Shards;
use crate::store::tally::{SOURCES_MAX, TallyKind};
use crate::store::{
    Answer, CatalogueCursor, CatalogueName, CataloguePage, CatalogueQuery, ErrorGroup, ErrorPage,
    ErrorQuery, NameProperties, Occurrence, StoreError, Tallies, Traffic, TrafficQuery,
};

impl Shards {
    async fn name_page(&self, query: CatalogueQuery) -> Result<CataloguePage, StoreError> {
        // A name beyond the end of a page may be on the next page of another database.
        let mut known_to = None::<(String, String)>;
        let mut names = BTreeMap::<(String, String), CatalogueName>::new();
        for CataloguePage { names: some, next } in
            self.values(|storage| storage.tallies.names(query.clone())).await?
        {
            if let Some(next) = next {
                let end = (next.source, next.name);
                known_to = Some(known_to.map_or_else(|| end.clone(), |it| it.min(end.clone())));
            }
            for name in some {
                match names.entry((name.source.clone(), name.name.clone())) {
                    Entry::Vacant(entry) => drop(entry.insert(name)),
                    Entry::Occupied(entry) => {
                        entry.into_mut().counts.merge(&name.counts, 1, TallyKind::Name.kept());
                    }
                }
            }
        }
        let all = names.len();
        let is_known = |key: &(String, String)| known_to.as_ref().is_none_or(|end| key <= end);
        let names = names.into_iter().filter(|(key, _)| is_known(key)).map(|(_, name)| name);
        let names: Vec<_> = names.take(query.limit as usize).collect();
        let has_more = known_to.is_some() || names.len() < all;
        let last = names.last().filter(|_| has_more);
        let next =
            last.map(|it| CatalogueCursor { source: it.source.clone(), name: it.name.clone() });
        // All names of a page may be those of buckets that move.
        let end = known_to.map(|(source, name)| CatalogueCursor { source, name });
        Ok(CataloguePage { names, next: next.or(end) })
    }

    /// Traffic shows a number of sources apart. One that is not shown in one database may be in
    /// another, and is then asked for there.
    async fn traffic_of(&self, query: TrafficQuery) -> Result<Traffic, StoreError> {
        let mut parts = self.read_all(|storage| storage.tallies.traffic(query.clone())).await?;
        let names: Vec<String> = parts
            .iter()
            .flat_map(|(_, part)| part.sources.iter().map(|it| it.source.clone()))
            .collect();
        for (shard, part) in &mut parts {
            if part.sources.len() < SOURCES_MAX {
                continue;
            }
            for name in &names {
                if part.sources.iter().any(|it| it.source == *name) {
                    continue;
                }
                let query = TrafficQuery { source: Some(name.clone()), ..query.clone() };
                let more = shard.read(shard.storage.tallies.traffic(query)).await?;
                part.sources.extend(more.sources);
            }
        }
        Ok(Traffic::merged(parts.into_iter().map(|(_, part)| part)))
    }
}

impl Tallies for Shards {
    fn record(&self, occurrences: Vec<Occurrence>) -> Answer<'_, ()> {
        Box::pin(async move {
            let control = self.control.number;
            // The others also write what they only count in memory.
            for shard in self.all.iter().filter(|shard| shard.number != control) {
                if shard.is_up()
                    && let Err(error) = shard.storage.tallies.record(Vec::new()).await
                {
                    tracing::debug!(%error, shard = shard.number, "failed to write tallies");
                }
            }
            self.control.storage.tallies.record(occurrences).await
        })
    }

    fn names(&self, query: CatalogueQuery) -> Answer<'_, CataloguePage> {
        Box::pin(async move { self.by_one_map(|| self.name_page(query.clone())).await })
    }

    fn properties(&self, source: String, name: String) -> Answer<'_, Option<NameProperties>> {
        Box::pin(async move {
            let read =
                || self.values(|storage| storage.tallies.properties(source.clone(), name.clone()));
            let mut all = None::<NameProperties>;
            for it in self.by_one_map(read).await?.into_iter().flatten() {
                match &mut all {
                    None => all = Some(it),
                    Some(all) => {
                        all.name.counts.merge(&it.name.counts, 1, TallyKind::Name.kept());
                        all.facts.then(&it.facts);
                    }
                }
            }
            Ok(all)
        })
    }

    fn traffic(&self, query: TrafficQuery) -> Answer<'_, Traffic> {
        Box::pin(async move { self.by_one_map(|| self.traffic_of(query.clone())).await })
    }

    fn errors(&self, query: ErrorQuery) -> Answer<'_, ErrorPage> {
        Box::pin(async move {
            // Their number is limited, so each database gives all of them.
            let all = ErrorQuery { after: None, limit: u32::MAX, ..query.clone() };
            let mut groups = BTreeMap::<_, ErrorGroup>::new();
            let read = || self.values(|storage| storage.tallies.errors(all.clone()));
            for page in self.by_one_map(read).await? {
                for group in page.groups {
                    let key = (group.stage, group.owner.clone(), group.code.clone());
                    match groups.entry(key) {
                        Entry::Vacant(entry) => drop(entry.insert(group)),
                        Entry::Occupied(entry) => entry.into_mut().merge(group),
                    }
                }
            }
            Ok(query.page(groups.into_values()))
        })
    }
}

impl ErrorGroup {
    /// Adds the same group of another database. The sample is that of the last error.
    fn merge(&mut self, other: Self) {
        if other.counts.last_ms > self.counts.last_ms {
            self.sample = other.sample.or(self.sample.take());
        }
        self.counts.merge(&other.counts, 1, TallyKind::Error(self.stage).kept());
    }
}
