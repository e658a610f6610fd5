//! What the server does on a machine that it shares with other users: modes, links, the lock, and
//! where secrets never appear.

mod canary;
// Modes, links and the umask are of Unix.
#[cfg(unix)]
mod exposed;
#[cfg(unix)]
mod links;
mod lock;
#[cfg(unix)]
mod modes;

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::harness::now;

/// What a command says when it refuses to start. One that starts is stopped.
fn refusal(mut command: Command) -> String {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            panic!("{command:?} runs, although it should have been refused");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}
