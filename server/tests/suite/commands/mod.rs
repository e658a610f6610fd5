//! The commands that operate a server: the real binary against a real server and on its data.

mod directory;
// They run by bash.
#[cfg(unix)]
mod examples;
mod exporting;
mod health;
mod keys;
mod places;
mod showing;
mod tailing;
mod terminal;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::harness::{ADMIN_TOKEN, SECRET_KEY, Server, WRITE_KEY, ending, now};

/// Longest time that anything in these tests may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a command did.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }
}

/// A command in an empty environment and directory, so that nothing is configured.
fn lamplight(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lamplight"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LAMPLIGHT_") {
            command.env_remove(name);
        }
    }
    command.env_remove("NO_COLOR").args(args).current_dir("/").stdin(Stdio::null());
    command
}

/// A command at a running server.
fn at(server: &Server, args: &[&str]) -> Command {
    let mut command = lamplight(args);
    command.env("LAMPLIGHT_URL", &server.url).env("LAMPLIGHT_ADMIN_TOKEN", ADMIN_TOKEN);
    command
}

/// A command on a data directory.
fn on(data: &Path, args: &[&str]) -> Command {
    let mut command = lamplight(args);
    command.arg("--data").arg(data);
    command
}

/// Gives a command the environment of another.
fn take_environment(command: &mut Command, from: &Command) {
    for (name, value) in from.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
}

fn run(mut command: Command) -> Ran {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A command that runs until it is ended.
struct Running {
    child: Child,
    lines: Receiver<String>,
    stderr: Receiver<String>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let command = ending::by_itself(&mut command);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        let stderr = lines_of(child.stderr.take().unwrap());
        Self { child, lines, stderr }
    }

    /// The next line of standard output.
    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line on standard output")
    }

    /// Waits until standard error has a line with this text.
    fn said(&self, text: &str) -> String {
        let begun = now();
        while let Ok(line) = self.stderr.recv_timeout(PATIENCE.saturating_sub(begun.elapsed())) {
            if line.contains(text) {
                return line;
            }
        }
        panic!("it never said {text:?}");
    }

    /// Presses Ctrl-C, and gives the exit status.
    fn interrupt(mut self) -> Option<i32> {
        ending::interrupt(self.child.id());
        self.ended()
    }

    fn ended(&mut self) -> Option<i32> {
        let begun = now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines_of(from: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    receive
}

/// A server that listens on a known address, so that another can follow it there.
fn serve_at(data: &Path, listen: &str) -> Server {
    let mut command = lamplight(&["serve", "--listen", listen, "--data"]);
    command
        .arg(data)
        .env("LAMPLIGHT_WRITE_KEY", WRITE_KEY)
        .env("LAMPLIGHT_SECRET_KEY", SECRET_KEY)
        .env("LAMPLIGHT_ADMIN_TOKEN", ADMIN_TOKEN);
    Server::start(command)
}

/// A server with new data.
fn server() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(&dir.path().join("data"));
    (dir, server)
}

/// Sends events with these names.
fn send(server: &Server, names: &[&str]) {
    let events: Vec<String> = names.iter().map(|name| format!(r#"{{"name":"{name}"}}"#)).collect();
    assert_eq!(server.send(&format!("[{}]", events.join(","))).status, 200);
}
