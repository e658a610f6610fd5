//! The demo's data directory, which is never that of the server.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::Server;

/// The command in this folder, without a data directory unless `args` name one.
fn lamplight(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lamplight"));
    command.current_dir(folder).args(args).args(["--listen", "127.0.0.1:0"]);
    command
}

/// What the command says when it refuses to start.
fn refusal(mut command: Command) -> String {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    if !first.is_empty() {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(first, "", "it must not start");
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn the_demo_and_the_server_of_one_folder_run_beside_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let serve = Server::start(lamplight(dir.path(), &["serve"]));
    let demo = Server::start(lamplight(dir.path(), &["demo"]));
    assert!(serve.output.contains("Data is in ./lamplight-data."), "{}", serve.output);
    assert!(demo.output.contains("Data is in ./lamplight-demo-data, apart"), "{}", demo.output);
    assert!(demo.output.contains(&format!("Open {}/demo/ in a browser", demo.url)));
    assert_ne!(serve.get("/demo/", &[]).status, 200);
    drop(demo);
    let again = Server::start(lamplight(dir.path(), &["demo"]));
    assert!(!again.output.contains("New keys"), "it continues with its data");
}

#[test]
fn neither_the_demo_nor_the_server_opens_the_data_of_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let refused = [("serve", "a", "demo"), ("demo", "b", "serve")].map(|(owner, data, other)| {
        drop(Server::start(lamplight(dir.path(), &[owner, "--data", data])));
        refusal(lamplight(dir.path(), &[other, "--data", data]))
    });
    let expected = "use data directory a for the demo: it was not created by `lamplight demo`, and \
                    the demo page may read everything. Choose a new directory with --data";
    assert!(refused[0].contains(expected), "{}", refused[0]);
    let expected = "use data directory b: it has the events of `lamplight demo`. Choose another";
    assert!(refused[1].contains(expected), "{}", refused[1]);
}

#[test]
fn a_data_directory_in_the_file_is_used_by_the_demo_only_if_it_is_its_own() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("lamplight.toml"), "data = \"given\"\n").unwrap();
    drop(Server::start(lamplight(dir.path(), &["serve"])));
    assert!(
        refusal(lamplight(dir.path(), &["demo"])).contains("data directory given for the demo")
    );
    let demo = Server::start(lamplight(dir.path(), &["demo", "--data", "other"]));
    assert!(demo.output.contains("Data is in other,"), "{}", demo.output);
}

#[test]
fn a_data_directory_in_the_environment_is_used_by_the_demo_only_if_it_is_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let with_data = |command: &str, data: &str| {
        let mut lamplight = lamplight(dir.path(), &[command]);
        lamplight.env("LAMPLIGHT_DATA", data);
        lamplight
    };
    drop(Server::start(with_data("serve", "real")));
    let said = refusal(with_data("demo", "real"));
    assert!(said.contains("data directory real for the demo"), "{said}");
    drop(Server::start(with_data("demo", "own")));
    assert!(refusal(with_data("serve", "own")).contains("data directory own"));
}

#[test]
fn a_directory_with_anything_of_a_server_left_in_it_is_not_taken_by_the_demo() {
    for left in ["events-2026-W01.db", "events-2026-W01.db-wal", "store.db-wal", "clock"] {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::write(data.join(left), "").unwrap();
        let said = refusal(lamplight(dir.path(), &["demo", "--data", "data"]));
        assert!(said.contains("it was not created by `lamplight demo`"), "{left}: {said}");
        assert!(!data.join("created-by-lamplight-demo").exists());
    }
}

#[test]
fn neither_the_demo_nor_the_server_uses_a_directory_inside_one_of_the_other() {
    let dir = tempfile::tempdir().unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("real", dir.path().join("link")).unwrap();
    drop(Server::start(lamplight(dir.path(), &["serve", "--data", "real"])));
    drop(Server::start(lamplight(dir.path(), &["demo", "--data", "demo"])));
    for (command, data, outer) in [
        ("demo", "real/demo", "real, which is the data directory of a server"),
        ("demo", "real/a/b", "real, which is the data directory of a server"),
        #[cfg(unix)]
        ("demo", "link/demo", "real, which is the data directory of a server"),
        ("serve", "demo/real", "demo, which is the data directory of `lamplight demo`"),
    ] {
        let said = refusal(lamplight(dir.path(), &[command, "--data", data]));
        assert!(said.contains(&format!("use data directory {data}: it is inside")), "{said}");
        assert!(said.contains(outer), "{said}");
        assert!(!dir.path().join(data).exists() && !dir.path().join("real/a").exists(), "{data}");
    }
    drop(Server::start(lamplight(dir.path(), &["serve", "--data", "real/another"])));
}

#[test]
fn a_port_in_use_is_reported_before_a_data_directory_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let first = Server::start(lamplight(dir.path(), &["demo"]));
    let mut second = Command::new(env!("CARGO_BIN_EXE_lamplight"));
    second.current_dir(dir.path()).args(["demo", "--listen", first.address()]);
    let text = refusal(second);
    assert!(text.contains("another program is listening there already"), "{text}");
    assert!(text.contains("such as --listen 127.0.0.1:9000"), "{text}");
}

#[test]
fn help_names_the_directory_that_the_demo_uses() {
    for (command, data) in [("serve", "./lamplight-data"), ("demo", "./lamplight-demo-data")] {
        let output = Command::new(env!("CARGO_BIN_EXE_lamplight"))
            .args([command, "--help"])
            .output()
            .unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.contains(&format!("[default: {data}]")), "{help}");
    }
}
