//! Three nodes of NATS on this machine, with the configuration of `server/packaging/cluster`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

const CONFIG: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../server/packaging/cluster/nats/nats.conf");
const NODES: usize = 3;
/// What nobody else needs to know: the cluster is on loopback, and ends with the benchmark.
const PASSWORD: &str = "nats012345";
/// How long the nodes may take to start.
const PATIENCE: Duration = Duration::from_mins(1);

/// Nodes that run until this is dropped.
pub(super) struct Nats {
    _nodes: Vec<Child>,
    clients: Vec<String>,
    monitors: Vec<String>,
}

impl Nats {
    /// Starts them, with their data in a folder.
    pub(super) async fn start(folder: &Path) -> Result<Self> {
        let programs = std::env::var_os("TEST_NATS").map(PathBuf::from);
        let program = programs.context("TEST_NATS must name the folder of nats-server")?;
        let program = program.join("nats-server");
        let places = free(3 * NODES).await?;
        let of = |kind: usize| -> Vec<String> {
            places.iter().skip(kind).step_by(NODES).cloned().collect()
        };
        let (clients, monitors, routes) = (of(0), of(1), of(2));
        let urls: Vec<String> =
            routes.iter().map(|place| format!("nats://route:{PASSWORD}@{place}")).collect();
        let quoted = |text: &str| format!("\"{text}\"");
        let mut nodes = Vec::new();
        for at in 0..NODES {
            let data = folder.join(format!("nats{at}"));
            std::fs::create_dir_all(&data)?;
            let mut command = Command::new(&program);
            command.args(["-c", CONFIG]).stdout(Stdio::null()).stderr(Stdio::null());
            command.kill_on_drop(true);
            for (name, value) in [
                ("NATS_NAME", &format!("nats{at}")),
                ("NATS_LISTEN", &clients[at]),
                ("NATS_MONITOR", &monitors[at]),
                ("NATS_CLUSTER_LISTEN", &routes[at]),
                ("NATS_STORE", &data.canonicalize()?.display().to_string()),
                ("NATS_PASSWORD", &PASSWORD.to_owned()),
                ("NATS_ROUTE_PASSWORD", &PASSWORD.to_owned()),
                ("NATS_OPERATOR_PASSWORD", &PASSWORD.to_owned()),
            ] {
                command.env(name, quoted(value));
            }
            command.env("NATS_ROUTES", serde_json::to_string(&urls)?).env("NATS_STORE_MAX", "8GB");
            nodes.push(command.spawn().with_context(|| format!("failed to start {command:?}"))?);
        }
        let started = Instant::now();
        while !ready(&monitors).await {
            if started.elapsed() > PATIENCE {
                bail!("the nodes of NATS have no leader after {PATIENCE:?}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(Self { _nodes: nodes, clients, monitors })
    }

    /// The intake URL.
    pub(super) fn url(&self) -> String {
        let monitors: Vec<String> = self.monitors.iter().map(|it| format!("http://{it}")).collect();
        format!(
            "nats://lamplight:{PASSWORD}@{}?monitor={}&max_gib=4",
            self.clients.join(","),
            monitors.join(",")
        )
    }
}

/// Whether every node says that it is healthy, which it is with a leader.
async fn ready(monitors: &[String]) -> bool {
    for monitor in monitors {
        let Ok(address) = monitor.parse() else { return false };
        match crate::api::call(address, "GET", "/healthz", "").await {
            Ok(said) if said["status"] == "ok" => {}
            _ => return false,
        }
    }
    true
}

/// Addresses of loopback on which nothing listens.
async fn free(count: usize) -> Result<Vec<String>> {
    let mut listeners = Vec::new();
    for _ in 0..count {
        listeners.push(TcpListener::bind("127.0.0.1:0").await?);
    }
    listeners.iter().map(|it| Ok(it.local_addr()?.to_string())).collect()
}
