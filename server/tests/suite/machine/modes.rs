//! Every file that the real server creates, with every umask.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::harness::{ADMIN_TOKEN, Server, command, now};

/// The same command with this umask.
pub(super) fn with_umask(umask: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("umask {umask} && exec \"$0\" \"$@\""));
    shell.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// Everything below `folder`, by its path, with what it is and its mode.
fn walk(folder: &Path) -> BTreeMap<String, Metadata> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            // A temporary file may be gone by now.
            let Ok(metadata) = path.symlink_metadata() else { continue };
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
            found.insert(name, metadata);
        }
    }
    found
}

/// Checks that nobody else can use what is below `folder`, and gives the names of all files.
fn assert_private(folder: &Path, umask: &str) -> Vec<String> {
    let found = walk(folder);
    for (name, metadata) in &found {
        let kind = metadata.file_type();
        assert!(!kind.is_symlink() && !kind.is_fifo() && !kind.is_socket(), "{name}");
        let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
        let mode = metadata.permissions().mode() & 0o7777;
        assert_eq!(mode, expected, "{name} has mode {mode:o} with umask {umask}");
    }
    found.into_iter().filter(|(_, it)| it.is_file()).map(|(name, _)| name).collect()
}

fn until(what: &str, is: impl Fn() -> bool) {
    let begun = now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(30), "still waiting for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Uses what writes to the disk: events of several kinds, sinks, reads, statements and replays.
fn use_everything(server: &Server, folder: &Path) {
    let admin = [("authorization", &*format!("Bearer {ADMIN_TOKEN}"))];
    for round in 0..4 {
        let events = format!(
            r#"[{{"name":"a{round}"}},{{"name":"identify","user":{{"id":"u{round}"}},"properties":{{"a":1}}}},
               {{"id":"x{round}","name":"b","properties":{{"n":{round}}}}}]"#
        );
        assert_eq!(server.send(&events).status, 200);
        server.settled();
        until("the sink", || server.totals()["sinks"]["file"]["waiting"] == 0);
    }
    let rotated = std::fs::read_dir(folder.join("sink/below")).unwrap().count();
    assert!(rotated > 2, "{rotated} files of the sink");
    for path in ["/api/events", "/api/aggregate?by=name&from=0", "/api/producers", "/metrics"] {
        server.read(path);
    }
    let json = [admin[0], ("content-type", "application/json")];
    let sorted = br#"{"sql":"SELECT name, count(*) FROM events GROUP BY 1 ORDER BY 2","from":0}"#;
    let post = |path: &str, body: &[u8]| {
        let reply = server.post(path, &json, body);
        assert!(reply.status < 300, "{path}: {reply:?}");
    };
    post("/api/query", sorted);
    post("/api/replay", br#"{"from":0,"to":9000000000000}"#);
    post("/api/keys", br#"{"kind":"viewer","source":"v"}"#);
    post("/api/sinks/file/backfill?from=0", b"");
    server.settled();
}

#[test]
fn every_file_is_private_whatever_the_umask() {
    for umask in ["000", "022", "077", "777"] {
        let dir = tempfile::tempdir().unwrap();
        let (data, config) = (dir.path().join("new/data"), dir.path().join("lamplight.toml"));
        let path = dir.path().join("sink/below/events.ndjson");
        let path = path.display();
        let toml = format!("[sinks.file]\nkind = 'file'\npath = '{path}'\nrotate_bytes = 100\n");
        std::fs::write(&config, toml).unwrap();
        std::fs::set_permissions(&config, PermissionsExt::from_mode(0o600)).unwrap();
        let serve = || {
            let mut serve = command("serve", &data);
            serve.arg("--config").arg(&config);
            Server::start(with_umask(umask, &serve))
        };
        let server = serve();
        use_everything(&server, dir.path());
        let running = assert_private(dir.path(), umask);
        for file in ["intake.db-wal", "intake.db-shm", "store.db-wal", "store.db-shm", "lock"] {
            assert!(running.contains(&format!("new/data/{file}")), "{running:?}");
        }
        let weeks = running.iter().filter(|name| name.starts_with("new/data/events-"));
        assert_eq!(weeks.count(), 3, "a week's file, its log and its index: {running:?}");
        until("the clock file", || data.join("clock").exists());
        server.kill_9();
        assert_private(dir.path(), umask);
        let server = serve();
        use_everything(&server, dir.path());
        assert_eq!(server.stop(), Some(0));
        assert_private(dir.path(), umask);
        let demo = with_umask(umask, &command("demo", &dir.path().join("demo")));
        let demo = Server::start(demo);
        assert_eq!(demo.send(r#"[{"name":"a"}]"#).status, 200);
        assert_private(dir.path(), umask);
    }
}

#[test]
fn files_that_an_operator_opened_to_a_group_keep_their_mode() {
    let dir = tempfile::tempdir().unwrap();
    Server::serve(dir.path()).stop();
    let store = dir.path().join("store.db");
    std::fs::set_permissions(&store, PermissionsExt::from_mode(0o640)).unwrap();
    let server = Server::serve(dir.path());
    assert_eq!(server.send(r#"[{"name":"a"}]"#).status, 200);
    server.settled();
    for file in ["store.db", "store.db-wal", "store.db-shm"] {
        let mode = dir.path().join(file).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o640, "{file} follows its database");
    }
}
