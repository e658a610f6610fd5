//! The real command is killed while it moves, and run again.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::rich::filled;
use super::{assert_nothing_twice, map, shown, sums, verified};
use crate::harness::postgres::TestDatabase;

fn command(subcommand: &str, databases: &[&TestDatabase]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lamplight"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LAMPLIGHT_") {
            command.env_remove(name);
        }
    }
    command.args(["shards", subcommand]).stdin(Stdio::null());
    for database in databases {
        command.args(["--database-url", &database.url]);
    }
    command
}

/// The exit status, standard output and standard error of a command.
fn said(mut command: Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn a_move_that_is_killed_goes_on_and_status_says_so() {
    let (one, two) = (filled().await, TestDatabase::create().await);
    let all = [&one, &two];
    let (before, counts) = (shown(&[&one]).await, sums(&[&one]).await);
    let (code, out, err) = said(command("plan", &all));
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.contains("512") && err.contains("`lamplight shards move` moves them"),
        "{out}{err}"
    );
    assert!(map(&one).await.is_alone(), "a plan changes nothing");

    let mut stopped = 0;
    for wait_ms in (40..2_000).step_by(60) {
        let mut moving = command("move", &all);
        moving.args(["--at-once", "64"]).stderr(Stdio::null()).stdout(Stdio::null());
        let mut child = moving.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait_ms % 450));
        // It may have ended.
        let _ = child.kill();
        let ended = child.wait().unwrap();
        assert_eq!(shown(&all).await, before);
        if ended.success() {
            break;
        }
        stopped += 1;
        let (code, out, err) = said({
            let mut status = command("status", &all);
            status.arg("--json");
            status
        });
        let status: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
        let is_moving = !status["moving"].is_null();
        assert!(!is_moving || code == Some(1), "{status}");
    }
    assert!(stopped > 2, "{stopped}");
    let (code, out, err) = said({
        let mut moving = command("move", &all);
        moving.arg("--json");
        moving
    });
    assert_eq!(code, Some(0), "{err}");
    let done: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(done["is_whole"], true, "{done}");
    assert!(err.contains("Nothing is left to move"), "{err}");
    assert_eq!(shown(&all).await, before);
    assert_eq!(sums(&all).await, counts);
    assert_nothing_twice(&all).await;
    verified(&all).await;

    let (code, out, err) = said(command("status", &all));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert_eq!(out.lines().count(), 3, "{out}");
    let (code, _, err) = said({
        let mut moving = command("move", &all);
        moving.args(["--drain", "2"]);
        moving
    });
    assert_eq!(code, Some(0), "{err}");
    let (_, _, err) = said(command("status", &all));
    assert!(err.contains("shard 2 has no buckets any more"), "{err}");
    let (code, _, err) = said(command("move", &[]));
    assert_eq!(code, Some(1));
    assert!(err.contains("give --database-url once for each database"), "{err}");
}
