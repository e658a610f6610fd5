//! The server of the demo, as a process that is killed and started again.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::child::{ChildGroup, Lines};
use super::error::ChaosError;
use super::scratch::Scratch;
use super::stop::Stop;

/// How long a start may take, also after `kill -9` on a busy machine.
const START_MAX: Duration = Duration::from_mins(1);

/// The server.
pub(super) struct DemoServer {
    program: PathBuf,
    folder: PathBuf,
    data: PathBuf,
    /// The address, with the port that the first start was given.
    pub(super) url: String,
    process: ChildGroup,
}

impl DemoServer {
    /// Starts it with an empty data directory, on a free port.
    pub(super) fn start(scratch: &Scratch, stop: &Stop) -> Result<Self, ChaosError> {
        let program = std::env::current_exe().map_err(|error| {
            ChaosError::System(format!("find the file of this program: {error}"))
        })?;
        // An empty folder has no lamplight.toml.
        let (folder, data) = (scratch.folder("server")?, scratch.path().join("server/data"));
        let (process, url) = run(&program, &folder, &data, "127.0.0.1:0", stop)?;
        Ok(Self { program, folder, data, url, process })
    }

    /// Kills it with `kill -9`.
    pub(super) fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again, on the same port and with the same data.
    pub(super) fn restart(&mut self, stop: &Stop) -> Result<(), ChaosError> {
        let address = self.url.strip_prefix("http://").unwrap_or(&self.url);
        let (process, _) = run(&self.program, &self.folder, &self.data, address, stop)?;
        self.process = process;
        Ok(())
    }

    /// The id of its process.
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }
}

fn run(
    program: &Path,
    folder: &Path,
    data: &Path,
    listen: &str,
    stop: &Stop,
) -> Result<(ChildGroup, String), ChaosError> {
    let mut command = Command::new(program);
    command.args(["demo", "--listen", listen, "--data"]).arg(data).current_dir(folder);
    // Settings for another server are not those of this one.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LAMPLIGHT_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = |cause: String| ChaosError::Start { program: "the demo's server".into(), cause };
    let mut process = ChildGroup::start(&mut command).map_err(|error| failed(error.to_string()))?;
    let (Some(out), Some(log)) = (process.child().stdout.take(), process.child().stderr.take())
    else {
        return Err(failed("it has no output".to_owned()));
    };
    let (mut lines, mut log) = (Lines::of(out), Lines::of(log));
    let mut url = None;
    let is_up = stop.wait_until(START_MAX, || {
        url = lines.find(|line| Some(line.split_once("listening on ")?.1.trim().to_owned()));
        if url.is_none() && process.has_ended() {
            let _ = log.find(|_| None::<()>);
            return Err(failed(format!("it ended: {}", log.said())));
        }
        Ok(url.is_some())
    })?;
    match url {
        Some(url) if is_up => Ok((process, url)),
        _ => Err(failed(format!("it does not listen after {} s", START_MAX.as_secs()))),
    }
}
