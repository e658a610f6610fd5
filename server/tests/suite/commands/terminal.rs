//! Commands on a pseudo-terminal, which `script` of util-linux makes.
#![cfg(target_os = "linux")]

use std::process::Command;

use super::{Running, at, run, send, server};
use crate::harness::Server;

/// The same command on a terminal of 80 columns and 24 lines.
fn on_terminal(server: &Server, args: &str, more: &[(&str, &str)]) -> Command {
    let plain = at(server, &[]);
    let mut command = Command::new("script");
    let line = format!("stty cols 80 rows 24; exec '{}' {args}", env!("CARGO_BIN_EXE_lamplight"));
    command.args(["-qefc", &line, "/dev/null"]).env("TERM", "xterm").env("SHELL", "/bin/sh");
    super::take_environment(&mut command, &plain);
    command.envs(more.iter().copied()).stdin(std::process::Stdio::null());
    command
}

fn hostile(server: &Server) {
    let body = r#"[{"name":"a\u001b[2J\u001b]0;owned\u0007\u202e\r","user":{"id":"漢字漢字"},
        "properties":{"long":"漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字","x":"\u009b31m"}}]"#;
    assert_eq!(server.send(body).status, 200);
}

#[test]
fn a_table_fits_the_terminal_and_obeys_no_event() {
    let (_dir, server) = server();
    hostile(&server);
    server.settled();
    let query = r#"query "SELECT name, user_id, properties, context FROM events""#;
    let ran = run(on_terminal(&server, query, &[])).ok();
    let lines: Vec<&str> = ran.stdout.lines().filter(|line| line.contains("owned")).collect();
    assert_eq!(lines.len(), 1, "{ran:?}");
    let line = lines[0].trim_end();
    assert!(!line.contains(|letter: char| letter.is_control()), "{line:?}");
    let columns: usize = line.chars().map(|it| if it >= '\u{3000}' { 2 } else { 1 }).sum();
    assert!(columns <= 80, "{columns}: {line}");
    assert!(line.contains('…'), "{line}");
    assert!(ran.stdout.contains("\u{1b}[1mname"), "titles are bold: {ran:?}");
    let plain = run(on_terminal(&server, query, &[("NO_COLOR", "1")])).ok();
    assert!(!plain.stdout.contains("\u{1b}[1m"), "{plain:?}");
    let dumb = run(on_terminal(&server, query, &[("TERM", "dumb")])).ok();
    assert!(!dumb.stdout.contains("\u{1b}[1m"), "{dumb:?}");
}

#[test]
fn tail_on_a_terminal_shows_one_line_for_each_event() {
    let (_dir, server) = server();
    let tail = Running::start(on_terminal(&server, "tail", &[]));
    assert!(tail.line().contains("using the server at"));
    assert!(tail.line().contains("showing events"));
    hostile(&server);
    let line = tail.line();
    assert!(
        line.contains("\u{1b}[36ma\\u{1b}[2J\\u{1b}]0;owned\\u{7}\\u{202e}\\r\u{1b}[0m"),
        "{line:?}"
    );
    assert!(!line.contains("\u{1b}[2J") && !line.contains('\u{7}'), "{line:?}");
}

#[test]
fn top_draws_again_and_leaves_the_terminal_as_it_was() {
    let (_dir, server) = server();
    let top = Running::start(on_terminal(&server, "top --every 1", &[]));
    let mut all = String::new();
    let mut until = |text: &str| {
        while !all.contains(text) {
            all.push_str(&top.line());
            all.push('\n');
        }
    };
    until("lost 0");
    send(&server, &["a", "b", "c"]);
    until("received 3 (+3)");
    // The command is the only child of `script`, which has the terminal.
    let children = format!("/proc/{0}/task/{0}/children", top.child.id());
    let child = std::fs::read_to_string(children).unwrap();
    let sent = Command::new("kill").args(["-INT", child.trim()]).status().unwrap();
    assert!(sent.success());
    let rest: String = top.lines.iter().collect();
    let mut top = top;
    assert_eq!(top.ended(), Some(0));
    assert!(all.contains("\u{1b}[?1049h\u{1b}[?25l"), "{all:?}");
    assert!(rest.ends_with("\u{1b}[?25h\u{1b}[?1049l"), "{rest:?}");
}
