//! A panic of any task or thread shuts the server down with an error that names it.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::CommandFactory;
use lamplight_server::cli::Cli;
use lamplight_server::cli::serve::{Mode, ServeError, serve_supervised};
use lamplight_server::config::Config;
use lamplight_server::system::supervisor::Supervisor;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::harness::{WRITE_KEY, agent};

/// How long a server may take to start, and to shut down.
const PATIENCE: Duration = Duration::from_secs(30);

/// A whole server in this process, with one task or thread that panics once it is armed.
struct Doomed {
    runtime: Runtime,
    _dir: tempfile::TempDir,
    address: SocketAddr,
    is_armed: Arc<AtomicBool>,
    supervisor: Supervisor,
    serving: JoinHandle<Result<(), ServeError>>,
}

fn config(folder: &Path, address: SocketAddr) -> Config {
    let file = folder.join("lamplight.toml");
    let archive = folder.join("archive.ndjson");
    let sink = format!("[sinks.archive]\nkind = 'file'\npath = '{}'\n", archive.display());
    let webhook =
        "[alerts]\nwebhook_url = 'http://127.0.0.1:9/'\nwebhook_secret = 'sixteen bytes ..'\n";
    std::fs::write(&file, format!("{webhook}{sink}")).unwrap();
    let (data, listen) = (folder.join("data"), address.to_string());
    let (file, data) = (file.to_str().unwrap(), data.to_str().unwrap());
    let line = ["lamplight", "serve", "--config", file, "--data", data];
    let line = [line.as_slice(), &["--listen", &listen, "--write-key", WRITE_KEY]].concat();
    let matches = Cli::command().get_matches_from(line);
    Config::resolve(matches.subcommand().unwrap().1, &|_| None).unwrap()
}

impl Doomed {
    fn start(name: &str, is_armed: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = config(dir.path(), address);
        let is_armed = Arc::new(AtomicBool::new(is_armed));
        let (armed, name) = (Arc::clone(&is_armed), name.to_owned());
        let supervisor = Supervisor::with_fault_hook(move |reached| {
            assert!(reached != name || !armed.load(Ordering::SeqCst), "injected");
        });
        let runtime = Runtime::new().unwrap();
        let given = supervisor.clone();
        let serving = runtime.spawn(async move {
            let never = std::future::pending::<()>();
            serve_supervised(&config, Mode::Serve, never, given).await
        });
        Self { runtime, _dir: dir, address, is_armed, supervisor, serving }
    }

    /// The status of `GET /readyz`, if there is a response.
    fn ready(&self) -> Option<u16> {
        let url = format!("http://{}/readyz", self.address);
        agent().get(url).call().ok().map(|response| response.status().as_u16())
    }

    fn send(&self) -> Option<u16> {
        let url = format!("http://{}/v1/events?key={WRITE_KEY}", self.address);
        let sent =
            agent().post(url).header("content-type", "text/plain").send("[{\"name\":\"a\"}]");
        sent.ok().map(|response| response.status().as_u16())
    }

    /// How the server ended.
    fn end(self) -> String {
        let ended =
            self.runtime.block_on(async { tokio::time::timeout(PATIENCE, self.serving).await });
        match ended.expect("it shuts down").unwrap() {
            Err(error @ ServeError::Failed(_)) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_panic_of_any_background_task_ends_the_server_with_an_error() {
    for name in [
        "worker 1",
        "replayer",
        "retention",
        "lane 1 of sink archive",
        "disk measurement",
        "log of refusals",
        "watcher",
        "webhook of alerts",
        "listener",
        "checkpointer of intake.db",
        "checkpointer of store.db",
    ] {
        let error = Doomed::start(name, true).end();
        let expected = format!("keep the server running: the {name} panicked: injected");
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn a_panic_of_a_writer_ends_the_server_which_is_not_ready_any_more() {
    for name in ["writer of intake.db", "writer of store.db"] {
        let server = Doomed::start(name, false);
        let begun = crate::harness::now();
        while server.ready() != Some(200) {
            assert!(begun.elapsed() < PATIENCE, "it starts");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(server.send(), Some(200));
        server.is_armed.store(true, Ordering::SeqCst);
        let sent = server.send();
        if name == "writer of intake.db" {
            assert_ne!(sent, Some(200), "what the writer did not write is not answered with 200");
        }
        let failed = server
            .runtime
            .block_on(async { tokio::time::timeout(PATIENCE, server.supervisor.failed()).await });
        assert_eq!(failed.expect("it panics").name, name);
        assert_ne!(server.ready(), Some(200));
        let error = server.end();
        assert!(error.contains(&format!("the {name} panicked: injected")), "{error}");
    }
}
