//! The examples in the help of every command, each of which is run.

use std::path::Path;
use std::process::{Command, Stdio};

use lamplight_server::cli::examples;

use super::{Running, at, run, send};
use crate::harness::{ADMIN_TOKEN, Server};

#[test]
fn every_example_in_the_help_works() {
    let dir = tempfile::tempdir().unwrap();
    let toml = "[sinks.archive]\nkind = 'file'\npath = 'archive.ndjson'";
    std::fs::write(dir.path().join("lamplight.toml"), toml).unwrap();
    std::fs::write(dir.path().join("statement.sql"), "SELECT count(*) FROM events").unwrap();
    let bin = dir.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_lamplight"), bin.join("lamplight")).unwrap();
    let stopped = dir.path().join("lamplight-data");
    Server::serve(&stopped).stop();
    let mut serve = crate::harness::command("serve", &dir.path().join("data"));
    serve.current_dir(dir.path());
    let server = Server::start(serve);
    let numbered = r#"[{"name":"order_paid","producer":"01ARZ3NDEKTSV4RRFFQ69G5FAV","seq":3}]"#;
    assert_eq!(server.send(numbered).status, 200);
    server.settled();
    let made = |kind: &str, what: &str| {
        let ran = run(at(&server, &[kind, "create", what, "--source", "x", "--json"])).ok();
        let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        json["id"].as_str().unwrap().to_owned()
    };
    let (backups, data) = (dir.path().join("backups"), stopped.to_str().unwrap());
    let backups = backups.to_str().unwrap();
    run(at(&server, &["backup", "--to", backups, "--data", data])).ok();
    let mut found = std::fs::read_dir(backups).unwrap().map(|entry| entry.unwrap().path());
    let backup = found.find(|path| path.is_dir()).unwrap();
    let (key, token) = (made("keys", "write"), made("token", "admin"));
    let shell = Shell { server: &server, bin: &bin, folder: dir.path() };
    let mut count = 0;
    for (_, examples) in examples() {
        for example in examples {
            count += 1;
            let line = example
                .line
                .replace("wk_0123456789ab", &key)
                .replace("at_0123456789ab", &token)
                .replace("http://127.0.0.1:8787", &server.url)
                .replace("/mnt/backups/lamplight-20260131T120000Z", backup.to_str().unwrap())
                .replace("/mnt/backups", backups)
                .replace("/var/lib/lamplight", data)
                .replace("0.0.0.0:8787", "127.0.0.1:0")
                .replace("127.0.0.1:9000", "127.0.0.1:0");
            shell.run(&line);
        }
    }
    assert!(count > 30, "{count} examples");
    assert!(dir.path().join("man1/lamplight-keys-create.1").exists());
    assert!(!dir.path().join("man1/lamplight-sql-worker.1").exists());
}

/// Where examples are run.
struct Shell<'a> {
    server: &'a Server,
    bin: &'a Path,
    folder: &'a Path,
}

impl Shell<'_> {
    /// A shell that runs `script` as the operator of the server would.
    fn of(&self, script: &str) -> Command {
        let mut shell = Command::new("bash");
        super::take_environment(&mut shell, &at(self.server, &[]));
        let path = format!("{}:{}", self.bin.display(), std::env::var("PATH").unwrap());
        shell.args(["-c", script]).env("PATH", path).current_dir(self.folder);
        shell.stdin(Stdio::null());
        shell
    }

    fn run(&self, line: &str) {
        let first = line.split_whitespace().nth(1).unwrap();
        let mut endless = self.of(&format!("exec {line}"));
        match first {
            // It needs a browser, which the scenario of chaos has. Here its options are checked.
            "demo" if line.contains("--chaos") => {
                let ran = run(self.of(&format!("{line} --browser {}/none", self.folder.display())));
                assert_eq!(ran.code, Some(1), "{line}: {ran:?}");
                assert!(ran.stderr.contains("failed to start the browser"), "{line}: {ran:?}");
            }
            "serve" | "demo" => {
                endless.env("LAMPLIGHT_LISTEN", "127.0.0.1:0");
                // Not the directory of the examples about a stopped server.
                endless.env("LAMPLIGHT_DATA", self.folder.join(format!("{first}-data")));
                let running = Running::start(endless);
                assert!(running.line().starts_with("lamplight is listening on"), "{line}");
                assert_eq!(running.interrupt(), Some(0), "{line}");
            }
            // It needs the database that it names, which the tests of migrations have.
            "migrate" => {
                let ran = run(self.of(line));
                let is_about_it =
                    ["db.internal", "lamplight-data"].map(|it| ran.stderr.contains(it));
                assert!(is_about_it.contains(&true) || ran.code == Some(0), "{line}: {ran:?}");
                assert_ne!(ran.code, Some(2), "{line}: {ran:?}");
            }
            // It needs several databases, which the tests of moves have.
            "shards" => {
                let ran = run(self.of(line));
                assert_eq!(ran.code, Some(1), "{line}: {ran:?}");
                let is_about_it = ["URLs of the databases: there is none", "pg1"]
                    .map(|it| ran.stderr.contains(it));
                assert!(is_about_it.contains(&true), "{line}: {ran:?}");
            }
            "tail" => {
                let running = Running::start(endless);
                running.said("showing events");
                send(self.server, &["order_paid"]);
                assert_eq!(running.interrupt(), Some(0), "{line}");
            }
            // On a terminal it shows its screen until Ctrl-C, and here it ends.
            _ => {
                // Another example has put the token of another server there.
                std::fs::write(self.folder.join("admin.token"), ADMIN_TOKEN).unwrap();
                if let Some((_, proof)) = line.split_once("--proof ") {
                    let exported = self.server.read("/api/producers/proof");
                    std::fs::write(self.folder.join(proof), exported.text).unwrap();
                }
                if line.contains("--resume") {
                    // There is nothing to continue after an export that succeeded.
                    std::fs::write(self.folder.join("orders.csv.part"), "id,seq,").unwrap();
                }
                let ran = run(self.of(&format!("set -o pipefail; {line}")));
                assert_eq!(ran.code, Some(0), "{line}: {ran:?}");
            }
        }
    }
}
