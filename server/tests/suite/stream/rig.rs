//! Real servers on a real cluster and a real PostgreSQL, under load.

use std::time::Duration;

use super::cluster::Cluster;
use crate::harness::{Server, now};
use crate::postgres_faults::instance::Instance;
use crate::postgres_faults::load::{Answers, Load, is_ready, until};
use crate::postgres_faults::serve_on;

/// After this long, whoever sends a payload has an answer: it is published again for 8 s, and the
/// last attempt takes 3 s more. The rest is for a busy machine.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(30);
/// After this long, a server takes payloads again once the cluster does.
pub(super) const BACK_MAX: Duration = Duration::from_mins(1);
/// How long groups may stay in the stream once everything works: as long as a group that nobody
/// acknowledged, and the rest of a drain.
const DRAINED_MAX: Duration = Duration::from_mins(3);

/// A cluster, a PostgreSQL, and pages that send.
pub(super) struct Rig {
    pub(super) cluster: Cluster,
    pub(super) instance: Instance,
    pub(super) load: Load,
}

impl Rig {
    /// Three nodes.
    pub(super) fn new() -> Self {
        Self::on(Cluster::start())
    }

    pub(super) fn on(cluster: Cluster) -> Self {
        Self { cluster, instance: Instance::start(""), load: Load::new() }
    }

    /// A server on both.
    pub(super) fn server(&self) -> Server {
        self.server_at(&self.cluster.url(""))
    }

    /// A server that finds the cluster by another URL.
    pub(super) fn server_at(&self, intake_url: &str) -> Server {
        let folder = std::env::temp_dir().join("lamplight-no-data");
        let mut command = serve_on(&self.instance.url("lamp"), &folder);
        command.env("LAMPLIGHT_INTAKE_URL", intake_url);
        Server::start(command)
    }

    /// Sends what is left, and checks that everything is stored exactly once.
    pub(super) fn finish(&mut self, server: &Server) {
        self.load.send_rest(server);
        let begun = now();
        loop {
            let stream = stream_of(server);
            if stream["groups"] == 0 {
                break;
            }
            assert!(begun.elapsed() < DRAINED_MAX, "{stream}: {}", server.log());
            std::thread::sleep(Duration::from_millis(100));
        }
        self.load.finish(server, &self.instance);
    }
}

/// What a server says about its stream.
pub(super) fn stream_of(server: &Server) -> serde_json::Value {
    let queues = server.read("/api/queues");
    assert_eq!(queues.status, 200, "{queues:?}");
    queues.json()["stages"][0]["stream"].clone()
}

/// Waits until a server takes payloads again.
pub(super) fn back(server: &Server) -> Duration {
    until("it is ready again", BACK_MAX, || is_ready(server))
}

/// Checks that clients were told what to do at any moment, and prints the longest refusal.
pub(super) fn report(name: &str, answers: &Answers) {
    answers.check(ANSWER_MAX);
    assert!(answers.accepted > 0, "{answers:?}");
    println!("{name}: refused for {:?} at most, {answers:?}", answers.longest_refusal);
}

/// Waits for some time of load.
pub(super) fn go_on(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}
