//! Counting many events at an upgrade, and reading the counts.

use std::time::Duration;

use lamplight_server::store::{CatalogueQuery, ErrorQuery, Resolution, Storage, TrafficQuery};
use tokio::time::Instant;

use super::super::upgrade::server::{NOW, Server};
use super::extent::Extent;

/// Runs each read 20 times, and gives the second slowest: the 95th percentile.
async fn p95<T>(read: impl AsyncFn() -> T) -> Duration {
    let mut times = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        read().await;
        times.push(begun.elapsed());
    }
    times.sort();
    times[18]
}

async fn read(storage: &Storage, to_ms: i64) {
    let page = |limit| CatalogueQuery { limit, ..CatalogueQuery::default() };
    let tallies = &storage.tallies;
    let errors = || ErrorQuery { stage: None, source: None, sink: None, after: None, limit: 500 };
    let traffic = |resolution: Resolution, periods| TrafficQuery {
        source: None,
        resolution,
        from_ms: to_ms - resolution.period_ms() * periods,
        to_ms,
    };
    println!("50 names: {:?}", p95(async || tallies.names(page(50)).await.unwrap()).await);
    println!("500 names: {:?}", p95(async || tallies.names(page(500)).await.unwrap()).await);
    let prefix = || CatalogueQuery { prefix: Some("order".into()), ..page(50) };
    println!("a prefix: {:?}", p95(async || tallies.names(prefix()).await.unwrap()).await);
    let properties = async || {
        tallies.properties("shop-03".into(), "order_finished".into()).await.unwrap().unwrap()
    };
    println!("properties: {:?}", p95(properties).await);
    for (resolution, periods) in [(Resolution::Minute, 180), (Resolution::Day, 400)] {
        let read = async || tallies.traffic(traffic(resolution, periods)).await.unwrap();
        println!("traffic by {}: {:?}", resolution.name(), p95(read).await);
    }
    println!("errors: {:?}", p95(async || tallies.errors(errors()).await.unwrap()).await);
}

#[tokio::test]
async fn a_store_with_many_events_is_counted_once_and_read_from_its_counts() {
    let extent = Extent::of(super::events(), NOW);
    let folder = tempfile::tempdir().unwrap();
    let server = Server::open(folder.path()).unwrap();
    super::fill(folder.path(), extent, &server.storage).await;
    let begun = Instant::now();
    let server = Server::open(folder.path()).unwrap();
    println!("counted {} events in {:?}", extent.events(), begun.elapsed());
    read(&server.storage, extent.to_ms).await;
    let query = CatalogueQuery { limit: 10_000, ..CatalogueQuery::default() };
    let names = server.storage.tallies.names(query).await.unwrap().names;
    let counted: i64 = names.iter().map(|it| it.counts.total()).sum();
    assert_eq!(counted.unsigned_abs(), extent.events());
    assert!(names.iter().all(|it| !it.name.is_empty()), "{} names", names.len());
    server.close().await;
}
