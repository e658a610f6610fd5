//! A private PostgreSQL: a fresh cluster in a temporary folder, on this machine only, which syncs
//! every commit.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use tokio_postgres::{Client, NoTls};

/// The user that it runs as when root runs the benchmark: `nobody`.
const NOBODY: u32 = 65_534;
/// Its defaults, but for the memory, and the size of the log between two checkpoints, which anyone
/// raises who stores much.
const SETTINGS: &str = "-c fsync=on -c synchronous_commit=on -c shared_buffers=512MB -c max_wal_size=4GB \
     -c max_connections=200";

/// A running cluster. Stopped when dropped.
pub(crate) struct Postgres {
    binaries: PathBuf,
    data: PathBuf,
    /// Where its socket is.
    pub(crate) socket: PathBuf,
    port: u16,
}

impl Postgres {
    /// Starts a cluster in a new folder.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let binaries = binaries()?;
        let socket = folder.canonicalize()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let postgres = Self { binaries, data: socket.join("cluster"), socket, port };
        if is_root(&postgres.socket) {
            // It refuses to run as root.
            std::os::unix::fs::chown(&postgres.socket, Some(NOBODY), Some(NOBODY))?;
        }
        let data = postgres.data.clone();
        check(
            postgres
                .command("initdb")
                .args(["--auth", "trust", "--username", "postgres", "--encoding", "UTF8"])
                .args(["--locale", "C", "-D"])
                .arg(data),
        )?;
        let options = format!(
            "{SETTINGS} -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={}",
            postgres.socket.display()
        );
        let log = postgres.socket.join("log");
        check(
            postgres
                .command("pg_ctl")
                .args(["start", "--wait", "-o", &options, "-l"])
                .arg(log)
                .arg("-D")
                .arg(&postgres.data),
        )?;
        Ok(postgres)
    }

    /// The URL of a database in it.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The port that its socket is named after.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Makes a database.
    pub(crate) async fn create(&self, database: &str) -> Result<()> {
        let sql = format!("CREATE DATABASE {database}");
        Ok(self.client("postgres").await?.batch_execute(&sql).await?)
    }

    /// Removes a database, so that the disk has room for the next one.
    pub(crate) async fn remove(&self, database: &str) -> Result<()> {
        let sql = format!("DROP DATABASE {database} WITH (FORCE)");
        Ok(self.client("postgres").await?.batch_execute(&sql).await?)
    }

    /// A connection of the superuser.
    pub(crate) async fn client(&self, database: &str) -> Result<Client> {
        let (client, connection) = tokio_postgres::connect(&self.url(database), NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// The number of its first process, which all others descend from.
    pub(crate) fn pid(&self) -> Result<u32> {
        let text = std::fs::read_to_string(self.data.join("postmaster.pid"))?;
        Ok(text.lines().next().context("postmaster.pid is empty")?.trim().parse()?)
    }

    /// One of its programs, as a user it runs as.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.join(program));
        if std::fs::metadata(&self.socket).is_ok_and(|folder| folder.uid() == NOBODY) {
            command.uid(NOBODY).gid(NOBODY);
        }
        command.current_dir(&self.socket).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let stopped = self
            .command("pg_ctl")
            .args(["stop", "--wait", "-m", "fast", "-D"])
            .arg(&self.data)
            .status();
        if !stopped.is_ok_and(|status| status.success()) {
            println!("failed to stop PostgreSQL in {}", self.data.display());
        }
    }
}

fn check(command: &mut Command) -> Result<()> {
    // The server keeps the standard error of the command that starts it.
    let status = command.stderr(Stdio::inherit()).status();
    let status = status.with_context(|| format!("failed to run {command:?}"))?;
    if status.success() {
        return Ok(());
    }
    bail!("{command:?} failed")
}

/// One of PostgreSQL's programs.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    Ok(binaries()?.join(name))
}

/// The folder with PostgreSQL's programs: the one of the environment, the newest that Debian's
/// packages brought, that of the path, or the one that `cargo xtask test` installed.
fn binaries() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("TEST_POSTGRES") {
        return Ok(folder.into());
    }
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    folders.splice(0..0, std::env::split_paths(&on_path).collect::<Vec<_>>());
    folders.insert(0, concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/postgres/18/bin").into());
    let found = folders.into_iter().rev().find(|folder| folder.join("initdb").is_file());
    found.context(
        "failed to find PostgreSQL: no initdb on the PATH. Install it, or set TEST_POSTGRES to the \
         folder of its programs",
    )
}

/// Whether root made a folder that this process has just made.
fn is_root(folder: &Path) -> bool {
    std::fs::metadata(folder).is_ok_and(|folder| folder.uid() == 0)
}
