//! A process that ends with its owner, together with everything that it has started.

use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::error::ChaosError;

/// The process, in a group of its own.
#[derive(Debug)]
pub(super) struct ChildGroup(Child);

impl ChildGroup {
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        // Ctrl-C in a terminal reaches only processes of our group, so that we end this one.
        command.process_group(0).spawn().map(Self)
    }

    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it has ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// Kills it with `kill -9`, and waits until it has ended.
    pub(super) fn kill(&mut self) {
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

impl Drop for ChildGroup {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Kills one process of a page with `kill -9`.
pub(super) fn kill_page(process: i32) -> Result<(), ChaosError> {
    let Some(pid) = Pid::from_raw(process) else { return Ok(()) };
    kill_process(pid, Signal::KILL)
        .map_err(|error| ChaosError::System(format!("kill the process {process}: {error}")))
}

/// The lines that a process writes, read by a thread until it ends, so that it never waits for us.
#[derive(Debug)]
pub(super) struct Lines {
    lines: Receiver<String>,
    seen: Vec<String>,
}

/// How many lines are kept to explain a failure.
const KEPT: usize = 20;

impl Lines {
    pub(super) fn of(output: impl Read + Send + 'static) -> Self {
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n') {
                let Ok(line) = line else { break };
                // The rest is read, too, when nobody wants it any more.
                let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
            }
        });
        Self { lines, seen: Vec::new() }
    }

    /// What `find` finds in the lines so far.
    pub(super) fn find<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        let wait = Duration::from_millis(20);
        while let Ok(line) = self.lines.recv_timeout(wait) {
            if let Some(found) = find(&line) {
                return Some(found);
            }
            self.seen.push(line);
        }
        None
    }

    /// The last lines that were looked at.
    pub(super) fn said(&self) -> String {
        self.seen[self.seen.len().saturating_sub(KEPT)..].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    #[test]
    fn everything_that_a_process_started_ends_with_it() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo $!; wait"]).stdout(Stdio::piped());
        let mut group = ChildGroup::start(&mut command).unwrap();
        let mut lines = Lines::of(group.child().stdout.take().unwrap());
        let mut started = None;
        for _ in 0..200 {
            started = started.or_else(|| lines.find(|line| line.trim().parse::<i32>().ok()));
        }
        let pid = Pid::from_raw(started.unwrap()).unwrap();
        assert!(!group.has_ended());
        drop(group);
        // A process that was killed may be a zombie until its new parent has noticed.
        let state = || {
            std::process::Command::new("ps")
                .args(["-o", "stat=", "-p"])
                .arg(pid.as_raw_nonzero().to_string())
                .output()
                .unwrap()
                .stdout
        };
        let has_ended = || matches!(state().first(), None | Some(b'Z'));
        assert!((0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            has_ended()
        }));
    }
}
