//! Starting and stopping, and the errors of a start that fails.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::process::{Command, Output};

use crate::harness::{Server, command};

fn bare(args: &[&str], data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lamplight"));
    command.args(args).arg("--data").arg(data);
    command
}

fn fails(mut command: Command) -> String {
    let Output { status, stderr, .. } = command.output().unwrap();
    assert!(!status.success());
    let stderr = String::from_utf8(stderr).unwrap();
    // Warnings may come first.
    let errors: Vec<&str> = stderr.lines().skip_while(|line| line.starts_with('{')).collect();
    assert!(errors[0].starts_with("error: failed to "), "{stderr}");
    stderr
}

#[test]
fn a_start_says_if_the_program_was_built_without_the_files_for_browsers() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(bare(&["serve", "--listen", "127.0.0.1:0"], dir.path()));
    let is_missing = server.get("/lamplight.js", &[]).status == 501;
    let said = ["was built without /lamplight.js", "cargo xtask build", "docs/install.md"];
    assert!(said.iter().all(|it| server.output.contains(it) == is_missing), "{}", server.output);
    assert_eq!(server.output.contains("<script async src="), !is_missing, "{}", server.output);
}

#[test]
fn keys_are_generated_and_shown_at_the_first_start_only() {
    let dir = tempfile::tempdir().unwrap();
    let serve = || bare(&["serve", "--listen", "127.0.0.1:0"], dir.path());
    let first = Server::start(serve());
    let key = |text: &str, prefix: &str| {
        let at = text.find(prefix)?;
        Some(text[at..].split_whitespace().next().unwrap().to_owned())
    };
    let (write, secret, admin) = (
        key(&first.output, "wk_").unwrap(),
        key(&first.output, "sk_").unwrap(),
        key(&first.output, "at_").unwrap(),
    );
    let read = |server: &Server| {
        server.get("/api/totals", &[("authorization", &format!("Bearer {admin}"))]).status
    };
    assert_eq!(read(&first), 200);
    assert_eq!(first.stop(), Some(0));

    let second = Server::start(serve());
    assert!(second.output.contains(&write), "a write key is public");
    assert!(!second.output.contains(&secret) && !second.output.contains(&admin));
    assert_eq!(read(&second), 200);
    for file in ["store.db", "store.db-wal"] {
        let bytes = std::fs::read(dir.path().join(file)).unwrap_or_default();
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!holds(&secret) && !holds(&admin), "{file} holds a secret");
    }
}

#[test]
fn a_key_given_later_is_valid_beside_the_first_ones() {
    let dir = tempfile::tempdir().unwrap();
    Server::serve(dir.path()).stop();
    let file = dir.path().join("token");
    std::fs::write(&file, "at_another_token_from_a_file\n").unwrap();
    let mut later = command("serve", dir.path());
    later.env_remove("LAMPLIGHT_ADMIN_TOKEN").env("LAMPLIGHT_ADMIN_TOKEN_FILE", &file);
    let server = Server::start(later);
    let read = |token: &str| {
        server.get("/api/totals", &[("authorization", &format!("Bearer {token}"))]).status
    };
    assert_eq!(read("at_another_token_from_a_file"), 200);
    assert_eq!(read(crate::harness::ADMIN_TOKEN), 200);
}

#[test]
fn a_short_secret_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut short = command("serve", dir.path());
    short.env("LAMPLIGHT_ADMIN_TOKEN", "hunter2");
    assert!(fails(short).contains("use the given admin token: it must have 20 to 256 bytes"));
}

#[test]
fn a_port_in_use_is_an_error_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let first = Server::serve(&dir.path().join("a"));
    let taken = bare(&["serve", "--listen", first.address()], &dir.path().join("b"));
    assert!(fails(taken).contains("another program is listening there already"));
}

#[test]
fn a_start_that_fails_leaves_no_directory() {
    let dir = tempfile::tempdir().unwrap();
    let first = Server::serve(&dir.path().join("first"));
    let data = dir.path().join("new/data");
    let config = dir.path().join("lamplight.toml");
    std::fs::write(&config, "[sinks.hook]\nkind = 'webhook'\nurl = 'no url'\nsecret = 'short'")
        .unwrap();
    let config = config.to_str().unwrap();
    let missing = dir.path().join("missing.mmdb");
    let missing = missing.to_str().unwrap();
    for args in [
        &["serve", "--listen", first.address()][..],
        &["serve", "--listen", "127.0.0.1:0", "--config", config],
        &["serve", "--listen", "127.0.0.1:0", "--geo-file", missing],
        &["serve", "--listen", "127.0.0.1:0", "--write-key", "short"],
        &["serve", "--listen", "127.0.0.1:0", "--admin-token-file", missing],
        &["demo", "--listen", "0.0.0.0:0"],
        &["replay", "--from", "0", "--to", "1"],
    ] {
        fails(bare(args, &data));
        assert!(!dir.path().join("new").exists(), "{args:?}");
    }
    // What was there stays, however the start fails.
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("mine"), "").unwrap();
    fails(bare(&["serve", "--listen", "127.0.0.1:0", "--write-key", "short"], &data));
    assert!(data.join("mine").exists());
    let said = fails(bare(&["replay", "--from", "0", "--to", "1"], &dir.path().join("typo")));
    assert!(said.contains("typo") && said.contains("--data"), "{said}");
}

#[test]
fn an_address_may_be_a_name_or_a_port_alone() {
    let dir = tempfile::tempdir().unwrap();
    for listen in ["localhost:0", "0"] {
        let server = Server::start(bare(&["serve", "--listen", listen], &dir.path().join(listen)));
        assert!(server.address().starts_with("127.0.0.1:"), "{}", server.url);
        assert_eq!(server.get("/healthz", &[]).status, 200);
    }
}

/// The answer at `address`, or None if nobody listens there.
fn health(address: impl ToSocketAddrs) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    Some(answer)
}

#[test]
fn localhost_is_reached_over_both_families_and_several_addresses_are_one_server() {
    let dir = tempfile::tempdir().unwrap();
    let listen = ["serve", "--listen", "localhost:0,127.0.0.2:0"];
    let server = Server::start(bare(&listen, dir.path()));
    let lines: Vec<&str> = server.output.lines().take_while(|line| !line.is_empty()).collect();
    let port = server.address().rsplit_once(':').unwrap().1;
    let mut wanted = vec![format!("lamplight is listening on http://127.0.0.1:{port}")];
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        wanted.push(format!("  and on http://[::1]:{port}"));
    }
    assert_eq!(lines[..wanted.len()], wanted);
    assert!(lines[wanted.len()].starts_with("  and on http://127.0.0.2:"), "{lines:?}");
    for line in &lines {
        let (_, address) = line.split_once("http://").unwrap();
        assert!(health(address).unwrap().starts_with("HTTP/1.1 200 "), "{address}");
    }
}

#[test]
fn a_port_after_a_colon_is_all_networks_and_a_warning_without_tls_or_a_proxy() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(bare(&["serve", "--listen", ":0"], dir.path()));
    let port: u16 = server.address().rsplit_once(':').unwrap().1.parse().unwrap();
    assert!(health(("127.0.0.1", port)).unwrap().starts_with("HTTP/1.1 200 "));
    assert!(
        server.output.contains(&format!("'http://[::1]:{port}/v1/events"))
            || server.output.contains(&format!("'http://127.0.0.1:{port}/v1/events"))
    );
    let log = server.stop_with_log();
    assert!(log.contains("without TLS") && log.contains("tls_cert"), "{log}");
    let proxied = ["serve", "--listen", ":0", "--trusted-proxies", "127.0.0.1"];
    let log = Server::start(bare(&proxied, dir.path())).stop_with_log();
    assert!(!log.contains("without TLS"), "{log}");
    let log = Server::start(bare(&["serve", "--listen", "0"], dir.path())).stop_with_log();
    assert!(!log.contains("without TLS"), "{log}");
}

#[test]
fn a_name_without_an_address_and_a_demo_for_others_are_errors_that_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let said = fails(bare(&["serve", "--listen", "no-such-host.invalid:8787"], dir.path()));
    assert!(said.contains("address of `no-such-host.invalid`"), "{said}");
    for listen in [":0", "127.0.0.1:0,0.0.0.0:0"] {
        let said = fails(bare(&["demo", "--listen", listen], dir.path()));
        assert!(said.contains("loopback addresses only"), "{said}");
    }
}

#[test]
fn a_misspelled_variable_or_flag_is_named_with_the_right_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut misspelled = command("serve", dir.path());
    misspelled.env("LAMPLIGHT_KEEP_DAY", "secret-30");
    let log = Server::start(misspelled).stop_with_log();
    let said =
        "LAMPLIGHT_KEEP_DAY: no setting has this variable, did you mean LAMPLIGHT_KEEP_DAYS?";
    assert!(log.contains(said) && !log.contains("secret-30"), "{log}");
    let output = bare(&["serve", "--keep-day", "30"], dir.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("--keep-days"), "{said}");
}

#[test]
fn a_start_that_fails_generates_no_keys() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("lamplight.toml");
    std::fs::write(&config, "[sinks.hook]\nkind = 'webhook'\nurl = 'no url'\nsecret = 'short'")
        .unwrap();
    let mut wrong = bare(&["serve", "--listen", "127.0.0.1:0"], &dir.path().join("data"));
    wrong.arg("--config").arg(&config);
    assert!(fails(wrong).contains("sink `hook`"));
    let right = bare(&["serve", "--listen", "127.0.0.1:0"], &dir.path().join("data"));
    assert!(Server::start(right).output.contains("at_"), "the keys are shown now");
}

#[test]
fn a_data_directory_in_use_is_an_error_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let _first = Server::serve(dir.path());
    assert!(fails(command("serve", dir.path())).contains("another lamplight process is using it"));
}

#[test]
fn a_data_directory_that_cannot_be_created_is_an_error_that_names_the_flag() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    let said = fails(command("serve", &dir.path().join("file")));
    assert!(said.contains("create data directory") && said.contains("--data"), "{said}");
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_not_changed() {
    let dir = tempfile::tempdir().unwrap();
    Server::serve(dir.path()).stop();
    let path = dir.path().join("store.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    database.execute("UPDATE refinery_schema_history SET version = version + 98", []).unwrap();
    drop(database);
    let before = std::fs::read(&path).unwrap();
    let said = fails(command("serve", dir.path()));
    assert!(said.contains("a newer lamplight wrote it (schema 1"), "{said}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_stop_finishes_what_was_begun_and_exits_with_0() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let sent = server.send(r#"[{"name":"a"}]"#);
    assert_eq!(sent.status, 200);
    assert_eq!(server.stop(), Some(0));
    for log in ["intake.db-wal", "store.db-wal"] {
        let length = std::fs::metadata(dir.path().join(log)).map_or(0, |file| file.len());
        assert_eq!(length, 0, "everything has been written to its final place");
    }
    assert_eq!(Server::serve(dir.path()).settled()["stored"], 1);
}

#[test]
fn help_and_version_are_printed() {
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_lamplight")).args(args).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(
        run(&["--help"]).contains("serve") && run(&["serve", "--help"]).contains("LAMPLIGHT_DATA")
    );
    assert_eq!(run(&["--version"]), format!("lamplight {}\n", env!("CARGO_PKG_VERSION")));
}
