//! Runs a command, shows what it prints, and keeps its last lines. A log of thousands of lines may
//! be cut before anyone reads it, so the end of the run shows the lines of what failed again.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::Result;

/// How many lines are kept.
const KEPT: usize = 60;

/// How long the output is awaited after the command has ended. A process that the command left
/// behind may hold it open.
const AWAITED: Duration = Duration::from_secs(2);

/// Runs `command`, and returns how it ended and the last lines of its standard output. If standard
/// output is a terminal, the command gets it as it is, and no line is kept.
pub(crate) fn run(command: &mut Command) -> Result<(ExitStatus, String)> {
    if std::io::stdout().is_terminal() {
        return Ok((command.status()?, String::new()));
    }
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let (sender, lines) = channel();
    let output = child.stdout.take();
    let forward = std::thread::spawn(move || {
        let Some(output) = output else { return };
        forward(output, std::io::stdout(), |line| drop(sender.send(line)));
    });
    let status = child.wait()?;
    let kept = last(&lines);
    if forward.is_finished() {
        drop(forward.join());
    }
    Ok((status, kept))
}

/// Writes each line of `from` to `to`, then passes it to `keep`. Bytes that are not UTF-8 are
/// written as they are.
fn forward(from: impl Read, mut to: impl Write, mut keep: impl FnMut(String)) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
        // Whoever reads this program's output may be gone. The command still runs to its end.
        drop(to.write_all(&line).and_then(|()| to.flush()));
        keep(String::from_utf8_lossy(&line).trim_end().to_owned());
        line.clear();
    }
}

/// The last of `lines`, until the sender is dropped or sends nothing for a while.
fn last(lines: &Receiver<String>) -> String {
    let mut kept = VecDeque::with_capacity(KEPT);
    while let Ok(line) = lines.recv_timeout(AWAITED) {
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(line);
    }
    Vec::from(kept).join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_forwarded_as_they_are_and_kept() {
        let (mut written, mut kept) = (Vec::new(), Vec::new());
        forward(&b"one\r\n\xff\nlast"[..], &mut written, |line| kept.push(line));
        assert_eq!(written, b"one\r\n\xff\nlast");
        assert_eq!(kept, ["one", "\u{fffd}", "last"]);
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let (sender, lines) = channel();
        for line in 0..KEPT + 2 {
            sender.send(line.to_string()).expect("the receiver lives");
        }
        drop(sender);
        let kept = last(&lines);
        assert_eq!(kept.lines().next(), Some("2"));
        assert_eq!(kept.lines().count(), KEPT);
    }
}
