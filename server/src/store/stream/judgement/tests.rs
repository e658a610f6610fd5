//! Tests of what the nodes' settings mean.

use super::super::monitor::{Cluster, JetStream, Meta, Peer, Store};
use super::*;

fn url(monitors: usize) -> IntakeUrl {
    let monitors: Vec<_> = (1..=monitors).map(|it| format!("http://n{it}:8222")).collect();
    let replicas = if monitors.len() == 1 { 1 } else { 3 };
    let text = format!("nats://n1?replicas={replicas}&monitor={}", monitors.join(","));
    text.parse().unwrap()
}

fn node(number: usize) -> Node {
    let others = (1..=3).filter(|it| *it != number);
    let peer = |it| Peer { name: format!("n{it}"), current: true, offline: false };
    let meta =
        Meta { leader: Some("n1".into()), cluster_size: 3, replicas: others.map(peer).collect() };
    Node {
        server_id: format!("id{number}"),
        server_name: format!("n{number}"),
        version: "2.15.1".into(),
        max_payload: 8_388_608,
        cluster: Cluster { name: Some("lamplight".into()) },
        jetstream: JetStream { config: Some(Store { sync_always: true }), meta: Some(meta) },
    }
}

fn reading(number: usize, node: Option<Node>) -> Reading {
    let node = node.ok_or_else(|| "connection refused".to_owned());
    Reading { monitor: format!("http://n{number}:8222"), node }
}

fn all() -> Vec<Reading> {
    (1..=3).map(|number| reading(number, Some(node(number)))).collect()
}

fn connected() -> Connected {
    Connected { server_id: "id1".into(), cluster: Some("lamplight".into()) }
}

fn judged(readings: &[Reading]) -> Judgement {
    judge(&url(readings.len()), &connected(), readings, &mut HashSet::new())
}

/// The only fault, after one node was changed.
fn fault(change: impl FnOnce(&mut Node)) -> String {
    let (mut readings, mut changed) = (all(), node(2));
    change(&mut changed);
    readings[1].node = Ok(changed);
    let Judgement { faults, unknown, warnings, .. } = judged(&readings);
    assert_eq!((faults.len(), unknown.len(), warnings.len()), (1, 0, 0), "{faults:?}");
    faults.concat()
}

#[test]
fn nodes_that_sync_are_safe() {
    assert_eq!(judged(&all()), Judgement::default());
    let mut alone = node(1);
    (alone.cluster.name, alone.jetstream.meta) = (None, None);
    let connected = Connected { cluster: None, ..connected() };
    let alone = [reading(1, Some(alone))];
    assert_eq!(judge(&url(1), &connected, &alone, &mut HashSet::new()), Judgement::default());
}

#[test]
fn a_fault_names_the_node_and_what_to_change() {
    let sync = fault(|node| node.jetstream.config = Some(Store { sync_always: false }));
    assert!(
        sync.starts_with(
            "node n2 (http://n2:8222) acknowledges before it syncs: set `sync_interval"
        )
    );
    assert!(fault(|node| node.jetstream.config = None).contains("has no JetStream: add"));
    for version in ["2.14.9", "1.99.0", "next"] {
        assert!(fault(|node| node.version = version.into()).contains("update nats-server to 2.15"));
    }
    assert!(fault(|node| node.max_payload = 1_048_576).contains("set `max_payload: 8MB`"));
    assert!(
        fault(|node| node.cluster.name = Some("other".into())).contains("is not in the cluster")
    );
    assert!(fault(|node| node.server_id = "id1".into()).contains("is named already"));
    for version in ["2.15.0", "2.16.0-RC.1", "3.0.0"] {
        assert!(is_new_enough(version), "{version}");
    }
}

#[test]
fn every_node_of_the_cluster_needs_a_monitor_and_there_must_be_enough_nodes() {
    let two = &all()[..2];
    let faults = judge(&url(2), &connected(), two, &mut HashSet::new()).at_start;
    assert!(
        faults[0]
            .contains("has 3 nodes with JetStream, and the intake URL names the monitors of 2")
    );
    let mut five = url(3);
    five.replicas = 5;
    let faults = judge(&five, &connected(), &all(), &mut HashSet::new()).at_start;
    assert!(faults[0].contains("has 3 nodes with JetStream, and 5 are to keep each payload"));
}

#[test]
fn nodes_that_start_with_the_server_may_join_their_cluster_later() {
    let two = |reading: &mut Reading| {
        let Ok(node) = &mut reading.node else { return };
        node.jetstream.meta.as_mut().unwrap().cluster_size = 2;
    };
    let mut running = all();
    running.iter_mut().for_each(two);
    let mut silent = all();
    silent[2].node = Err("connection refused".into());
    silent.iter_mut().for_each(two);
    for readings in [running, silent] {
        let Judgement { faults, at_start, joining, .. } = judged(&readings);
        assert_eq!((faults.len(), at_start.len(), joining.len()), (0, 0, 1), "{at_start:?}");
        assert!(joining[0].contains(
            "has 2 nodes with JetStream, and the intake URL names the monitors of 3: start"
        ));
    }
}

#[test]
fn a_node_that_is_down_is_no_reason_to_refuse_payloads() {
    let mut readings = all();
    readings[2].node = Err("connection refused".into());
    let Ok(leader) = &mut readings[0].node else { panic!() };
    leader.jetstream.meta.as_mut().unwrap().replicas[1].offline = true;
    let Judgement { faults, unknown, warnings, .. } = judged(&readings);
    assert_eq!((faults.len(), unknown.len()), (0, 0));
    assert_eq!(warnings, ["monitors do not answer: http://n3:8222 (connection refused)"]);
}

#[test]
fn a_node_that_runs_must_have_been_seen_to_sync_once() {
    let mut readings = all();
    let mut known = HashSet::new();
    readings[2].node = Err("timed out".into());
    let mut judge = |readings: &[Reading]| judge(&url(3), &connected(), readings, &mut known);
    let unknown = judge(&readings).unknown;
    assert!(unknown[0].starts_with("n3 runs, and its monitor does not answer"), "{unknown:?}");
    assert_eq!(judge(&all()), Judgement::default());
    assert!(judge(&readings).unknown.is_empty(), "it was right when it was last seen");
    // Once it is seen with a fault, the earlier check counts no more.
    let (mut wrong, mut careless) = (all(), node(3));
    careless.jetstream.config = Some(Store::default());
    wrong[2].node = Ok(careless);
    assert_eq!(judge(&wrong).faults.len(), 1);
    assert_eq!(judge(&readings).unknown.len(), 1);
}

#[test]
fn when_most_monitors_are_silent_or_there_is_no_leader_nothing_is_known() {
    let mut readings = all();
    for reading in &mut readings[1..] {
        reading.node = Err("timed out".into());
    }
    assert!(judged(&readings).unknown[0].starts_with("most monitors do not answer"));
    let mut readings = all();
    for reading in &mut readings {
        let Ok(node) = &mut reading.node else { panic!() };
        node.jetstream.meta.as_mut().unwrap().leader = None;
    }
    assert_eq!(judged(&readings).unknown, ["the nodes of the cluster have no leader"]);
}
