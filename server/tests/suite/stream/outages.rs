//! What is around the cluster fails: the database, the network, the room on its disks.

use std::time::Duration;

use super::cluster::{Cluster, Node};
use super::rig::{Rig, back, go_on, report, stream_of};
use super::rounds;
use crate::postgres_faults::load::{is_ready, until};
use crate::postgres_faults::proxy::Proxy;

#[test]
fn while_the_database_is_down_payloads_are_accepted_and_stored_later() {
    let mut rig = Rig::on(Cluster::alone());
    let server = rig.server();
    for _ in 0..rounds(1) {
        let (instance, load) = (&mut rig.instance, &mut rig.load);
        let ((), answers) = load.run(&[&server], || {
            go_on(500);
            instance.stop("immediate");
            // Long enough for the database to count as down, and for groups to wait.
            go_on(8_000);
            assert!(is_ready(&server), "{:?}", server.get("/readyz", &[]));
            instance.up();
            go_on(500);
        });
        assert_eq!((answers.refused, answers.broken), (0, 0), "{answers:?}");
        report("the database is down", &answers);
    }
    rig.finish(&server);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_network_that_is_cut_between_server_and_cluster_loses_nothing() {
    let mut rig = Rig::new();
    let proxies: Vec<Proxy> = rig.cluster.nodes.iter().map(|it| Proxy::start(it.port())).collect();
    let ports: Vec<u16> = proxies.iter().map(|it| it.port).collect();
    let server = rig.server_at(&rig.cluster.url_over(&ports, ""));
    for _ in 0..rounds(1) {
        let ((), answers) = rig.load.run(&[&server], || {
            for cut in [Proxy::cut, Proxy::swallow] {
                go_on(500);
                proxies.iter().for_each(cut);
                until("it is not ready", Duration::from_mins(1), || !is_ready(&server));
                go_on(2_000);
                for proxy in &proxies {
                    proxy.delay(Duration::ZERO);
                }
                back(&server);
            }
            go_on(500);
        });
        assert!(answers.refused > 0 && answers.broken == 0, "{answers:?}");
        report("the network is cut", &answers);
    }
    rig.finish(&server);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_stream_that_is_full_refuses_payloads_until_the_database_stores_them() {
    let mut rig = Rig::on(Cluster::alone());
    let url = rig.cluster.url("").replace("max_gib=0.25", "max_gib=0.001");
    let server = rig.server_at(&url);
    for _ in 0..rounds(1) {
        let (instance, load) = (&mut rig.instance, &mut rig.load);
        let ((), answers) = load.run(&[&server], || {
            instance.stop("fast");
            until("it refuses", Duration::from_mins(2), || {
                server.log().contains("the intake stream is full")
            });
            let reply = server.send(&format!("[{}]", vec![r#"{"name":"more"}"#; 900].join(",")));
            assert_eq!((reply.status, reply.problem().as_str()), (503, "overloaded"));
            assert!(reply.header("retry-after").is_some(), "{reply:?}");
            instance.up();
            // The load goes on, so on a busy machine the stream may not become empty.
            until("there is room", Duration::from_mins(1), || {
                let stream = stream_of(&server);
                stream["bytes"].as_u64().unwrap() * 2 < stream["bytes_max"].as_u64().unwrap()
            });
        });
        assert!(answers.refused > 0 && answers.broken == 0, "{answers:?}");
        report("the stream is full", &answers);
    }
    rig.finish(&server);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn nodes_that_are_replaced_one_after_the_other_are_no_outage_for_long() {
    let mut rig = Rig::new();
    let server = rig.server();
    let (cluster, load) = (&mut rig.cluster, &mut rig.load);
    let ((), answers) = load.run(&[&server], || {
        for index in 0..3 {
            cluster.nodes[index].kill_9();
            go_on(500);
            cluster.up();
            until("the node is back", Duration::from_mins(1), || {
                let is_current =
                    |node: &Node| node.says("healthz").is_some_and(|it| it["status"] == "ok");
                cluster.nodes.iter().all(is_current)
            });
            back(&server);
        }
        go_on(500);
    });
    assert_eq!(answers.broken, 0, "{answers:?}");
    report("nodes are replaced", &answers);
    rig.finish(&server);
    assert_eq!(server.stop(), Some(0));
}
