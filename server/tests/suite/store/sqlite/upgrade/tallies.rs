//! Events of earlier versions are counted when this version first opens them.

use std::path::Path;

use lamplight_server::store::{CatalogueQuery, Resolution, TrafficQuery};

use super::older::steps;
use super::server::{NOW, Server};
use super::{WEEKS, fill, fill_weeks, leave_all};
use lamplight_server::store::week::WEEK_MS;

/// Everything that is counted of events, as text, but how many of them were looked at: some of that
/// is only in memory until it is recorded.
pub(crate) async fn counted(folder: &Path) -> Vec<String> {
    let server = Server::open(folder).unwrap();
    let tallies = &server.storage.tallies;
    let query = CatalogueQuery { limit: 500, ..CatalogueQuery::default() };
    let mut lines = Vec::new();
    for name in tallies.names(query).await.unwrap().names {
        let counts = &name.counts;
        let days = counts.buckets(Resolution::Day, 0, i64::MAX);
        let minutes = counts.buckets(Resolution::Minute, 0, i64::MAX);
        let times = (counts.first_ms, counts.last_ms, counts.total());
        lines.push(format!("{} {} {times:?} {days:?} {minutes:?}", name.source, name.name));
        let found = tallies.properties(name.source, name.name).await.unwrap().unwrap();
        let paths: Vec<_> = found.facts.properties.keys().collect();
        lines.push(format!("{paths:?}"));
    }
    for resolution in [Resolution::Hour, Resolution::Day] {
        let query = TrafficQuery {
            source: None,
            resolution,
            from_ms: NOW,
            to_ms: NOW + (WEEKS + 1) * WEEK_MS,
        };
        lines.push(format!("{:?}", tallies.traffic(query).await.unwrap()));
    }
    server.close().await;
    lines
}

#[tokio::test]
async fn events_of_earlier_versions_are_counted_as_this_version_counts_them() {
    let today = tempfile::tempdir().unwrap();
    fill_weeks(today.path()).await;
    fill(today.path()).await;
    let want = counted(today.path()).await;
    assert!(want.len() > 8, "{want:?}");
    for version in [1, 5, 11, 12] {
        let older = tempfile::tempdir().unwrap();
        leave_all(today.path(), older.path(), steps("intake").len(), version);
        assert_eq!(counted(older.path()).await, want, "version {version}");
        let violations = crate::backup::violations(older.path());
        let of_tallies: Vec<_> = violations.iter().filter(|it| it.contains("tallies")).collect();
        assert_eq!(of_tallies, [""; 0], "version {version}");
    }
}
