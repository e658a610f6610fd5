//! The plans of the checks of `lamplight verify`, as PostgreSQL ran them.

use lamplight_server::store::postgres::verify::verify;

use super::plans_reading::{RECORDING, done_since, open};
use crate::harness::postgres::Cluster;
use crate::store::sample::{NOW, good_with, number, plan_at, shared};

const RUNS: u16 = 2_000;

/// Each number of the producer is a run of its own, because every other number is missing.
#[tokio::test(flavor = "multi_thread")]
async fn no_check_compares_each_event_with_each_run_of_its_producer() {
    let cluster = Cluster::start(RECORDING);
    let admin = cluster.client("postgres").await;
    admin.batch_execute("CREATE DATABASE plans").await.unwrap();
    let storage = open(&cluster, "plans").await;
    let plans: Vec<_> = (1..=RUNS)
        .map(|at| {
            let event = good_with("often", |_| {});
            plan_at(NOW + i64::from(at), at.into(), vec![(number(7, u64::from(at) * 2), event)])
        })
        .collect();
    for some in plans.chunks(100) {
        storage.events.apply(shared(some.to_vec()), NOW).await.unwrap();
    }
    storage.close().await.unwrap();
    let client = cluster.client("plans").await;
    let (url, mut read) = (cluster.url("plans").parse().unwrap(), 0);
    for statistics in ["", "ANALYZE"] {
        client.batch_execute(statistics).await.unwrap();
        done_since(&cluster, &mut read);
        verify(&url, &mut |_| {}).await.unwrap();
        let done = done_since(&cluster, &mut read);
        let most = f64::from(RUNS) * 30.0;
        assert!(done.removed < most, "after {statistics:?}: {done:?}");
    }
}
