//! Real nodes of NATS on loopback, which can be killed, frozen and started again.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::guide;
use crate::harness::postgres::free_port;
use crate::harness::{agent, ending, now, reply};

/// What the guide's nodes ask for.
pub(crate) const PASSWORD: &str = "p@ss_w0rd";
/// How long nodes may take to start and to agree on a leader, on a busy machine.
const START_MAX: Duration = Duration::from_mins(1);
/// Runs the node until its standard input ends, also when this process is killed.
const SCRIPT: &str = r#"
    "$BIN" -c "$DIR/node.conf" >>"$DIR/log" 2>&1 </dev/null &
    echo $!
    read -r _ || true
    kill -KILL $! 2>/dev/null
"#;

/// The program: of the environment, or what `cargo xtask test` installed.
fn program() -> PathBuf {
    let folder = std::env::var_os("TEST_NATS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/nats/bin"),
        PathBuf::from,
    );
    let program = folder.join("nats-server");
    assert!(
        program.is_file(),
        "these tests need nats-server: run them by `cargo xtask test`, which installs it, or set TEST_NATS to \
         the folder with it"
    );
    program
}

/// The ports of a node.
#[derive(Debug, Clone, Copy)]
struct Ports {
    client: u16,
    monitor: u16,
    cluster: u16,
}

/// A node.
pub(crate) struct Node {
    pub(crate) name: String,
    folder: PathBuf,
    ports: Ports,
    running: Option<(Child, u32)>,
}

impl Node {
    /// Starts it with the configuration that is in its folder.
    pub(crate) fn start(&mut self) {
        assert!(self.running.is_none());
        let mut command = Command::new("sh");
        command
            .args(["-c", SCRIPT])
            .env("BIN", program())
            .env("DIR", &self.folder)
            .env("NODE", &self.name)
            .env("NATS_PASSWORD", PASSWORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut shell = command.spawn().unwrap();
        let mut pid = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut pid).unwrap();
        self.running = Some((shell, pid.trim().parse().unwrap()));
    }

    /// Kills it.
    pub(crate) fn kill_9(&mut self) {
        let (mut shell, pid) = self.running.take().unwrap();
        ending::kill(pid);
        drop(shell.stdin.take());
        shell.wait().unwrap();
    }

    pub(crate) fn freeze(&self) {
        ending::freeze(self.running.as_ref().unwrap().1);
    }

    pub(crate) fn thaw(&self) {
        ending::thaw(self.running.as_ref().unwrap().1);
    }

    /// Replaces a part of its configuration, for the next start.
    pub(crate) fn configure(&self, from: &str, to: &str) {
        let path = self.folder.join("node.conf");
        let config = guide::replaced(&std::fs::read_to_string(&path).unwrap(), from, to);
        std::fs::write(path, config).unwrap();
    }

    /// What its monitor says at a path, if it answers.
    pub(crate) fn says(&self, path: &str) -> Option<Value> {
        let asked = agent().get(format!("{}/{path}", self.monitor())).call();
        asked.ok().map(|answer| reply(answer).json())
    }

    pub(crate) fn monitor(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.monitor)
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    pub(crate) fn port(&self) -> u16 {
        self.ports.client
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some((mut shell, _)) = self.running.take() {
            drop(shell.stdin.take());
            drop(shell.wait());
        }
    }
}

/// A cluster. Its nodes end, and its folder is deleted, when this is dropped.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    _folder: tempfile::TempDir,
}

impl Cluster {
    /// Three nodes, configured as the guide says, with a leader.
    pub(crate) fn start() -> Self {
        Self::start_with(3, |_, config| config)
    }

    /// A node alone.
    pub(crate) fn alone() -> Self {
        Self::alone_with(|config| config)
    }

    /// A node alone, with another configuration.
    pub(crate) fn alone_with(change: impl Fn(String) -> String) -> Self {
        Self::start_with(1, |_, config| change(config))
    }

    /// Nodes whose configuration, beside what differs on one machine, is what `change` makes of
    /// the guide's.
    pub(crate) fn start_with(count: usize, change: impl Fn(usize, String) -> String) -> Self {
        let folder = tempfile::Builder::new().prefix("lamplight-nats-").tempdir().unwrap();
        let port = |_| Ports { client: free_port(), monitor: free_port(), cluster: free_port() };
        let ports: Vec<Ports> = (0..count).map(port).collect();
        let node = |(index, ports_of): (usize, &Ports)| {
            let name = format!("n{}", index + 1);
            let at = folder.path().join(&name);
            std::fs::create_dir(&at).unwrap();
            let config = change(index, local(&at, *ports_of, &ports));
            std::fs::write(at.join("node.conf"), config).unwrap();
            Node { name, folder: at, ports: *ports_of, running: None }
        };
        let nodes: Vec<Node> = ports.iter().enumerate().map(node).collect();
        let mut cluster = Self { nodes, _folder: folder };
        cluster.up();
        cluster
    }

    /// Starts every node that does not run, and waits until they have a leader.
    pub(crate) fn up(&mut self) {
        for node in self.nodes.iter_mut().filter(|it| it.running.is_none()) {
            node.start();
        }
        let begun = now();
        while !self.is_led() {
            let logs: Vec<String> = self.nodes.iter().map(Node::log).collect();
            assert!(begun.elapsed() < START_MAX, "no leader: {}", logs.join("\n"));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whether every node runs, and each knows the same leader.
    fn is_led(&self) -> bool {
        self.nodes.iter().all(|node| {
            node.says("varz").is_some_and(|it| {
                let (stream, meta) = (&it["jetstream"], &it["jetstream"]["meta"]);
                let is_alone = self.nodes.len() == 1;
                is_alone || stream.get("config").is_none() || !meta["leader"].is_null()
            })
        })
    }

    /// The node that leads a stream, once there is one that runs.
    pub(crate) fn leader(&self, stream: &str) -> usize {
        let begun = now();
        loop {
            let names = self.nodes.iter().filter(|it| it.running.is_some()).filter_map(|node| {
                let said = node.says("jsz?streams=true")?;
                let streams = said["account_details"][0]["stream_detail"].as_array()?.clone();
                let found = streams.into_iter().find(|it| it["name"] == stream)?;
                found["cluster"]["leader"].as_str().map(str::to_owned)
            });
            let leads = |name: &String| {
                self.nodes.iter().position(|it| it.name == *name && it.running.is_some())
            };
            if let Some(leader) = names.collect::<Vec<_>>().iter().find_map(leads) {
                return leader;
            }
            assert!(begun.elapsed() < START_MAX, "the stream has no leader");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The intake URL of all nodes, with more options.
    pub(crate) fn url(&self, options: &str) -> String {
        let ports: Vec<u16> = self.nodes.iter().map(Node::port).collect();
        self.url_over(&ports, options)
    }

    /// The same through other ports of this machine.
    pub(crate) fn url_over(&self, ports: &[u16], options: &str) -> String {
        let nodes: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let monitors: Vec<String> = self.nodes.iter().map(Node::monitor).collect();
        let replicas = if self.nodes.len() == 1 { "&replicas=1" } else { "" };
        format!(
            "nats://lamplight:p%40ss_w0rd@{}?monitor={}{replicas}&max_gib=0.25{options}",
            nodes.join(","),
            monitors.join(",")
        )
    }
}

/// The guide's configuration for several nodes on one machine.
fn local(folder: &Path, ports: Ports, all: &[Ports]) -> String {
    let config = guide::config();
    let config = guide::replaced(&config, "0.0.0.0:4222", &format!("127.0.0.1:{}", ports.client));
    let config = guide::replaced(&config, "0.0.0.0:8222", &format!("127.0.0.1:{}", ports.monitor));
    let store = format!("\"{}\"", folder.join("data").display());
    let config = guide::replaced(&config, "/var/lib/nats", &store);
    let (begin, cluster) = config.split_once("cluster {").unwrap();
    if all.len() == 1 {
        return begin.to_owned();
    }
    let cluster = guide::replaced(cluster, "0.0.0.0:6222", &format!("127.0.0.1:{}", ports.cluster));
    let routes: Vec<String> =
        all.iter().map(|it| format!("nats://127.0.0.1:{}", it.cluster)).collect();
    let named = "nats://n1:6222, nats://n2:6222, nats://n3:6222";
    let cluster = guide::replaced(&cluster, named, &routes.join(", "));
    format!("{begin}cluster {{{cluster}")
}
