//! PostgreSQL for tests: a cluster of this process, and a database for each test. On Unix only.
#![cfg_attr(not(unix), allow(dead_code))]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lamplight_server::store::postgres::{self, Urls};
use lamplight_server::store::{Opening, WriterLimits};
use lamplight_server::system::supervisor::Supervisor;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

/// A database cluster without any sync, because its data ends with the process in any case, and
/// without vacuum, whose reads would count as those of a test.
const FAST: &str = "-c fsync=off -c full_page_writes=off -c shared_buffers=64MB -c max_connections=400 \
     -c autovacuum=off -c log_min_messages=error";

/// The folder with the programs of PostgreSQL: of the environment, the newest of Debian's packages,
/// or what `cargo xtask test` installed.
pub(crate) fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os("TEST_POSTGRES") {
        return folder.into();
    }
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = installed.map(|version| version.path().join("bin")).collect();
    versions.sort();
    let folder = versions
        .pop()
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/postgres/18/bin"));
    assert!(
        folder.join("initdb").is_file(),
        "these tests need PostgreSQL: run them by `cargo xtask test`, which installs it, or set \
         TEST_POSTGRES to the folder with its programs"
    );
    folder
}

/// The folder with PostgreSQL's programs for clients, such as `psql` and `pg_dump`: of the
/// environment, or the one with the server's programs.
pub(crate) fn clients() -> PathBuf {
    let folder = std::env::var_os("TEST_POSTGRES_CLIENTS").map_or_else(programs, PathBuf::from);
    assert!(
        folder.join("pg_dump").is_file(),
        "these tests need psql, pg_dump, pg_restore and pg_basebackup, which are not in {}: run them by \
         `cargo xtask test`, or set TEST_POSTGRES_CLIENTS to a folder with these programs",
        folder.display()
    );
    folder
}

/// A running cluster. It stops, and its folder is deleted, when this process ends or drops it.
pub(crate) struct Cluster {
    folder: PathBuf,
    port: u16,
    /// A shell that stops the server when its standard input ends.
    shell: Child,
}

impl Cluster {
    /// Starts a cluster with these options of `postgres`.
    pub(crate) fn start(options: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("lamplight-pg-").tempdir().unwrap().keep();
        let port = free_port();
        let script = r#"
            set -e
            "$BIN/initdb" --pgdata="$DIR/data" --username=postgres --auth=trust --encoding=UTF8 --locale=C \
                --no-sync >"$DIR/initdb.log" 2>&1
            "$BIN/postgres" -D "$DIR/data" -k "$DIR" -p "$PORT" -c listen_addresses=127.0.0.1 $OPTIONS \
                >"$DIR/postgres.log" 2>&1 </dev/null &
            server=$!
            read -r _ || true
            kill -QUIT $server 2>/dev/null || true
            wait $server || true
            rm -rf "$DIR"
        "#;
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .env("BIN", programs())
            .env("DIR", &folder)
            .env("PORT", port.to_string())
            .env("OPTIONS", options)
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        as_another_user(&mut command, &folder);
        let shell = command.spawn().unwrap();
        Self { folder, port, shell }
    }

    /// The URL of a database in it.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A connection of the superuser, once the server takes some.
    pub(crate) async fn client(&self, database: &str) -> Client {
        let began = super::now();
        loop {
            match tokio_postgres::connect(&self.url(database), NoTls).await {
                Ok((client, connection)) => {
                    tokio::spawn(connection);
                    return client;
                }
                Err(error) if began.elapsed() > Duration::from_mins(1) => {
                    let log = std::fs::read_to_string(self.folder.join("postgres.log"));
                    panic!("PostgreSQL does not start: {error}: {log:?}");
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        drop(self.shell.wait());
    }
}

/// PostgreSQL refuses to run as root.
#[cfg(unix)]
pub(crate) fn as_another_user(command: &mut Command, folder: &Path) {
    use std::os::unix::fs::{MetadataExt, chown};
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65_534;
    if [0, NOBODY].contains(&std::fs::metadata(folder).unwrap().uid()) {
        chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
        command.uid(NOBODY).gid(NOBODY);
    }
}

#[cfg(not(unix))]
pub(crate) fn as_another_user(_: &mut Command, _: &Path) {}

/// A port that nothing listens on, and that this process gets once. It is below those from which
/// systems choose for connections that begin here, which could take it before its server does.
pub(crate) fn free_port() -> u16 {
    const PORTS: std::ops::Range<u32> = 10_000..32_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    loop {
        // Processes that run at the same time begin at different places.
        let at = std::process::id().wrapping_mul(997);
        let at = at.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(PORTS.start + at % (PORTS.end - PORTS.start)).unwrap();
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A URL, as storage takes it.
pub(crate) fn urls(url: &str) -> Urls {
    Urls { main: url.parse().unwrap(), sql: None }
}

/// The cluster that the tests of this process share.
static SHARED: OnceCell<Cluster> = OnceCell::const_new();
const TEMPLATE: &str = "lamplight_template";

async fn shared() -> &'static Cluster {
    SHARED
        .get_or_init(|| async {
            let cluster = Cluster::start(FAST);
            let client = cluster.client("postgres").await;
            client.batch_execute(&format!("CREATE DATABASE {TEMPLATE}")).await.unwrap();
            let urls = urls(&cluster.url(TEMPLATE));
            let (limits, supervisor) = (WriterLimits::default(), Supervisor::default());
            let opened = postgres::open_as(&urls, limits, Opening::Change, &supervisor).await;
            opened.unwrap().close().await.unwrap();
            cluster
        })
        .await
}

/// A database of one test, which has Lamplight's tables. It is deleted when this is dropped.
pub(crate) struct TestDatabase {
    name: String,
    /// Its URL.
    pub(crate) url: String,
    /// The port of its cluster.
    pub(crate) port: u16,
}

impl TestDatabase {
    /// A new database.
    pub(crate) async fn create() -> Self {
        Self::create_like(&format!("TEMPLATE {TEMPLATE}")).await
    }

    /// A new database without any tables.
    pub(crate) async fn create_empty() -> Self {
        Self::create_like("").await
    }

    /// A copy of one to which nobody is connected.
    pub(crate) async fn copy_of(other: &Self) -> Self {
        Self::create_like(&format!("TEMPLATE {}", other.name)).await
    }

    async fn create_like(template: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let cluster = shared().await;
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let client = cluster.client("postgres").await;
        let sql = format!("CREATE DATABASE {name} {template}");
        client.batch_execute(&sql).await.unwrap();
        let (url, port) = (cluster.url(&name), cluster.port);
        Self { name, url, port }
    }

    /// The URL over a network that ends at this port.
    pub(crate) fn url_over(&self, port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/{}?sslmode=disable", self.name)
    }

    /// A connection of the superuser, whose search path is Lamplight's schema.
    pub(crate) async fn client(&self) -> Client {
        let client = SHARED.get().unwrap().client(&self.name).await;
        client.batch_execute("SET search_path = lamplight").await.unwrap();
        client
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (name, url) = (self.name.clone(), SHARED.get().unwrap().url("postgres"));
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
                tokio::spawn(connection);
                client.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await
            })
        });
        // A failure leaves a database that ends with the process.
        drop(dropping.join());
    }
}
