//! Moving an installation between a data directory and a database.

mod compared;
mod dump;
mod interrupted;
mod killed;
mod refused;
pub(crate) mod rich;
mod round_trip;
mod servers;
mod shards;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lamplight_server::migrate::{MigrateError, Migrated, Migration, Place, Watch, migrate};
use uuid::Uuid;

const NOW: i64 = 1_800_000_000_000;

/// Stops after this many batches were moved, and collects what it is told.
#[derive(Debug, Default)]
struct Watched {
    batches_left: Option<usize>,
    is_moving: bool,
    steps: Vec<String>,
}

impl Watched {
    fn stopping_after(batches: usize) -> Self {
        Self { batches_left: Some(batches), ..Self::default() }
    }
}

impl Watch for Watched {
    fn begin(&mut self, step: &str, _: u64) {
        self.is_moving = step.starts_with("move ");
        self.steps.push(step.to_owned());
    }

    fn reach(&mut self, _: u64) -> bool {
        match &mut self.batches_left {
            Some(left) if self.is_moving => {
                *left -= 1;
                *left > 0
            }
            _ => true,
        }
    }

    fn note(&mut self, text: &str) {
        self.steps.push(text.to_owned());
    }
}

fn directory(path: &Path) -> Place {
    Place::Directory(path.to_owned())
}

fn database(url: &str) -> Place {
    url.parse().unwrap()
}

fn migration(from: Place, to: Place) -> Migration {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let id = Uuid::from_u128(u128::from(number));
    Migration { from, to, id, now_ms: NOW }
}

async fn moved(from: Place, to: Place, watch: &mut Watched) -> Result<Migrated, MigrateError> {
    migrate(&migration(from, to), watch).await
}

/// Copies a data directory that nobody uses.
fn copied(from: &Path, to: &Path) -> PathBuf {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    to.to_owned()
}

/// The real command.
fn command(from: &str, to: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lamplight"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LAMPLIGHT_") {
            command.env_remove(name);
        }
    }
    command.args(["migrate", "--from", from, "--to", to]).stdin(Stdio::null());
    command
}

/// Runs a command. Gives its exit code and what it said on standard error.
fn said(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}
