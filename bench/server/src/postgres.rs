//! A private PostgreSQL: a fresh cluster in a temporary folder, on a private socket, with its
//! defaults, which sync every commit.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A running cluster. Stopped when dropped.
pub(crate) struct Postgres {
    binaries: PathBuf,
    data: PathBuf,
    /// Where its socket is.
    pub(crate) socket: PathBuf,
}

impl Postgres {
    /// Starts a cluster in `folder`.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let binaries = binaries().context("failed to find PostgreSQL: no initdb")?;
        let socket = folder.canonicalize()?;
        let postgres = Self { binaries, data: socket.join("cluster"), socket };
        if is_root() {
            // It refuses to run as root.
            check(Command::new("chown").arg("postgres").arg(&postgres.socket))?;
        }
        let data = postgres.data.clone();
        check(
            postgres
                .command("initdb")
                .args(["--auth", "trust", "--username", "postgres", "-D"])
                .arg(data),
        )?;
        let options = format!(
            "-c listen_addresses= -c unix_socket_directories={}",
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

    /// One of its programs, as a user it runs as.
    fn command(&self, program: &str) -> Command {
        let path = self.binaries.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
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
    let output = command.output().with_context(|| format!("failed to run {command:?}"))?;
    if output.status.success() {
        return Ok(());
    }
    bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim())
}

/// The folder with PostgreSQL's programs: the newest that Debian's packages brought, or that of the
/// path.
fn binaries() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    folders.splice(0..0, std::env::split_paths(&on_path).collect::<Vec<_>>());
    folders.into_iter().rev().find(|folder| folder.join("initdb").is_file())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
