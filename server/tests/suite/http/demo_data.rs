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
