//! Nodes that are killed or freeze, and servers that are killed, under load.

use std::time::Duration;

use super::cluster::Cluster;
use super::opened::SOON;
use super::rig::{Rig, back, go_on, report};
use super::rounds;
use super::start_checks::operator;
use crate::harness::{Server, ending};
use crate::postgres_faults::instance::Instance;
use crate::postgres_faults::load::{is_ready, until};

/// Nothing is staged for some seconds.
const HOLD_STAGING: &str =
    "BEGIN; LOCK TABLE lamplight.payloads IN EXCLUSIVE MODE; SELECT pg_sleep(4); COMMIT";

/// Lets something happen to the cluster under load, again and again.
fn survive(name: &str, fault: impl Fn(&mut Cluster, &Server)) {
    let mut rig = Rig::new();
    let server = rig.server();
    for _ in 0..rounds(1) {
        let (cluster, load) = (&mut rig.cluster, &mut rig.load);
        let ((), answers) = load.run(&[&server], || {
            go_on(500);
            fault(cluster, &server);
            cluster.up();
            back(&server);
            go_on(500);
        });
        assert_eq!(answers.broken, 0, "{answers:?}");
        report(name, &answers);
    }
    rig.finish(&server);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_leader_that_is_killed_loses_nothing() {
    survive("the leader is killed", |cluster, server| {
        let leader = cluster.leader("lamplight");
        cluster.nodes[leader].kill_9();
        go_on(1_000);
        // The two that are left take payloads.
        back(server);
    });
}

#[test]
fn two_of_three_nodes_that_are_killed_are_an_outage_that_loses_nothing() {
    survive("two of three are killed", |cluster, server| {
        let leader = cluster.leader("lamplight");
        cluster.nodes[leader].kill_9();
        cluster.nodes[(leader + 1) % 3].kill_9();
        until("it says that it is not ready", Duration::from_mins(1), || !is_ready(server));
    });
}

#[test]
fn three_nodes_that_are_killed_and_start_again_lose_nothing() {
    survive("all three are killed", |cluster, server| {
        for node in &mut cluster.nodes {
            node.kill_9();
        }
        until("it says that it is not ready", Duration::from_mins(1), || !is_ready(server));
        let ready = server.get("/readyz", &[]);
        assert!(ready.text.contains("the intake stream is down"), "{ready:?}");
    });
}

#[test]
fn a_server_that_gets_no_payloads_is_ready_again_after_an_outage() {
    let mut rig = Rig::new();
    let server = rig.server();
    for node in &mut rig.cluster.nodes {
        node.kill_9();
    }
    // What it could not publish is an outage, which a load balancer learns from it.
    assert!(!rig.load.sends(&server));
    assert!(!is_ready(&server));
    rig.cluster.up();
    back(&server);
    rig.finish(&server);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_leader_that_freezes_is_left_for_another_and_loses_nothing() {
    survive("the leader freezes", |cluster, server| {
        let leader = cluster.leader("lamplight");
        cluster.nodes[leader].freeze();
        go_on(12_000);
        back(server);
        cluster.nodes[leader].thaw();
        go_on(1_000);
    });
}

#[test]
fn servers_that_are_killed_at_any_moment_lose_nothing() {
    let mut rig = Rig::new();
    for round in 0..rounds(3) {
        let (killed, other) = (rig.server(), rig.server());
        let ((), answers) = rig.load.run(&[&killed, &other], || {
            go_on(200 + round * 131 % 600);
            ending::kill(killed.pid());
            go_on(300);
        });
        assert!(answers.wrong.is_empty(), "{answers:?}");
        println!("a server is killed: {answers:?}");
        killed.kill_9();
        if round % 2 == 0 {
            // Both end, and nobody takes what the stream holds until the next start.
            other.kill_9();
        } else {
            assert_eq!(other.stop(), Some(0));
        }
    }
    let server = rig.server();
    rig.finish(&server);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_server_killed_between_a_commit_and_its_acknowledgement_stores_once() {
    let mut rig = Rig::on(Cluster::alone());
    let server = rig.server();
    let count = |instance: &Instance, sql: &str| instance.sql("lamp", sql).trim().to_owned();
    std::thread::scope(|scope| {
        let (cluster, instance, load) = (&mut rig.cluster, &rig.instance, &mut rig.load);
        let holding = scope.spawn(|| instance.psql("lamp", HOLD_STAGING));
        let of_lock = |granted: bool| {
            let sql = format!(
                "SELECT count(*) FROM pg_locks WHERE relation = 'lamplight.payloads'::regclass \
                 AND mode <> 'AccessShareLock' AND granted = {granted}"
            );
            count(instance, &sql) != "0"
        };
        until("staging is held", SOON, || of_lock(true));
        assert!(load.sends(&server), "{}", server.log());
        until("a group is being staged", SOON, || of_lock(false));
        // It is committed after that, and nobody is there who could be told.
        cluster.nodes[0].kill_9();
        assert!(holding.join().unwrap().0);
    });
    let payloads = "SELECT count(*) FROM lamplight.payloads";
    until("it is committed", SOON, || count(&rig.instance, payloads) != "0");
    ending::kill(server.pid());
    server.kill_9();
    rig.cluster.up();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let left = runtime.block_on(async {
        let mut stream = operator(&rig.cluster).await.get_stream("lamplight").await.unwrap();
        // Its successor delivers at once what this one would deliver after 30 s.
        stream.delete_consumer("shard-1").await.unwrap();
        stream.info().await.unwrap().state.messages
    });
    assert!(left > 0, "a group was acknowledged");
    let server = rig.server();
    rig.finish(&server);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_server_that_stops_under_load_stores_what_it_answered() {
    let mut rig = Rig::new();
    let (stopping, other) = (rig.server(), rig.server());
    let ((), answers) = rig.load.run(&[&stopping, &other], || {
        go_on(700);
        ending::ask_to_stop(stopping.pid());
        go_on(700);
    });
    assert!(answers.wrong.is_empty(), "{answers:?}");
    let log = stopping.stop_with_log();
    assert!(!log.contains("did not finish") && !log.contains("did not close"), "{log}");
    rig.finish(&other);
    assert_eq!(other.stop(), Some(0));
}
