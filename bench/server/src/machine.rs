//! What the benchmark runs on.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::peer::{binary, influx_program, nats_program};
use crate::postgres;

/// The facts that figures depend on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The model of the processor.
    cpu: String,
    /// Cores that this process may use.
    cores: usize,
    /// How much there is.
    memory_gib: u64,
    /// The kernel and its version.
    kernel: String,
    /// The file system of the current folder.
    file_system: String,
    /// Versions of the programs that are measured, by name.
    pub(crate) programs: BTreeMap<String, String>,
}

impl Machine {
    /// This one.
    pub(crate) fn this() -> Self {
        let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let memory_kib: u64 = field(&memory, "MemTotal")
            .and_then(|text| text.split_whitespace().next()?.parse().ok())
            .unwrap_or_default();
        Self {
            cpu: field(&cpus, "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory_gib: (memory_kib + (1 << 19)) >> 20,
            kernel: version(Ok("uname".into()), "-sr").unwrap_or_default(),
            file_system: file_system().unwrap_or_default(),
            programs: programs(),
        }
    }
}

fn programs() -> BTreeMap<String, String> {
    let postgres = postgres::program("postgres");
    let all = [
        ("Lamplight", version(binary(), "--version")),
        ("Node", version(Ok("node".into()), "--version")),
        ("PostgreSQL", version(postgres, "--version")),
        ("InfluxDB", version(influx_program(), "version")),
        ("NATS", version(nats_program(), "--version")),
    ];
    let number = |text: String| {
        let is_version = |word: &&str| word.trim_start_matches('v').starts_with(char::is_numeric);
        text.split_whitespace().find(is_version).map(|word| word.trim_start_matches('v').to_owned())
    };
    all.into_iter().filter_map(|(name, text)| Some((name.to_owned(), number(text?)?))).collect()
}

/// What a program says about itself, if it is installed.
fn version(program: Result<PathBuf>, argument: &str) -> Option<String> {
    let output = Command::new(program.ok()?).arg(argument).current_dir("/").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()).filter(|text| !text.is_empty())
}

fn file_system() -> Option<String> {
    let mut command = Command::new("stat");
    let output = command.args(["--file-system", "--format=%T", "."]).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The value of the first line with this name.
fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The day in UTC.
pub(crate) fn today() -> String {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d"]).output();
    output.map(|it| String::from_utf8_lossy(&it.stdout).trim().to_owned()).unwrap_or_default()
}
