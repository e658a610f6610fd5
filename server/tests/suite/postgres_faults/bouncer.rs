//! A real pgbouncer between servers and their database. `cargo xtask torture` runs these tests: the
//! program is not everywhere.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use super::instance::Instance;
use super::load::{Load, is_ready, until};
use super::starting::refused;
use super::{rounds, server_on};
use crate::harness::postgres::{as_another_user, free_port};
use crate::harness::{ADMIN_TOKEN, ending, now};

/// After this long, whoever sends a payload has an answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
const BACK_MAX: Duration = Duration::from_secs(12);

/// A pgbouncer that can be stopped, killed and started again. It ends when it is dropped.
struct Bouncer {
    folder: TempDir,
    port: u16,
    child: Child,
}

impl Bouncer {
    /// One in front of an instance, in this mode. Whoever has a role there may connect, also the
    /// one for statements of users.
    fn start(instance: &Instance, mode: &str) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let shown = folder.path().display();
        let config = format!(
            "[databases]\n\
             * = host=127.0.0.1 port={} auth_user=postgres\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             logfile = {shown}/pgbouncer.log\n\
             auth_type = trust\n\
             auth_file = {shown}/users.txt\n\
             auth_query = SELECT usename, passwd FROM pg_shadow WHERE usename = $1\n\
             pool_mode = {mode}\n\
             default_pool_size = 80\n\
             max_client_conn = 200\n",
            instance.port
        );
        std::fs::write(folder.path().join("pgbouncer.ini"), config).unwrap();
        std::fs::write(folder.path().join("users.txt"), "\"postgres\" \"\"\n").unwrap();
        let child = Self::spawn(&folder);
        let mut bouncer = Self { folder, port, child };
        bouncer.wait_until_it_listens();
        bouncer
    }

    fn spawn(folder: &TempDir) -> Child {
        let program = std::env::var_os("TEST_PGBOUNCER").expect(
            "TEST_PGBOUNCER is the path of pgbouncer. Run this test by `cargo xtask torture`",
        );
        let mut command = Command::new(program);
        command.arg("-q").arg(folder.path().join("pgbouncer.ini")).stdin(Stdio::null());
        as_another_user(&mut command, folder.path());
        command.spawn().unwrap()
    }

    fn listens(&self) -> bool {
        std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    /// Ends it at once, or asks it to end. All of its connections end.
    fn end(&mut self, is_killed: bool) {
        if is_killed {
            ending::kill(self.child.id());
        } else {
            ending::ask_to_stop(self.child.id());
        }
        self.child.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.child = Self::spawn(&self.folder);
        self.wait_until_it_listens();
    }

    /// Starts it again if it ends: a connection of somebody else may have its port for a moment.
    fn wait_until_it_listens(&mut self) {
        let begun = now();
        while !self.listens() {
            if self.child.try_wait().unwrap().is_some() {
                self.child = Self::spawn(&self.folder);
            }
            if begun.elapsed() > BACK_MAX {
                let log = std::fs::read_to_string(self.folder.path().join("pgbouncer.log"));
                panic!("pgbouncer does not listen: {log:?}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/lamp", self.port)
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
#[ignore = "needs pgbouncer: cargo xtask torture runs it"]
fn servers_behind_a_pgbouncer_that_restarts_and_is_killed_lose_and_double_nothing() {
    let instance = Instance::start("max_connections = 200");
    let mut bouncer = Bouncer::start(&instance, "session");
    let (one, two) = (server_on(&bouncer.url()), server_on(&bouncer.url()));
    let mut load = Load::new();
    for round in 0..2 * rounds(2) {
        let is_killed = round % 2 == 0;
        let (back, answers) = load.run(&[&one, &two], || {
            std::thread::sleep(Duration::from_millis(500));
            bouncer.end(is_killed);
            // Short outages are not noticed: what was sent is written again for some seconds.
            let is_long = round % 4 < 2;
            if is_long {
                until("one says that it is not ready", ANSWER_MAX, || !is_ready(&one));
                std::thread::sleep(Duration::from_secs(6));
            }
            bouncer.start_again();
            let back = until("both are ready", BACK_MAX, || is_ready(&one) && is_ready(&two));
            std::thread::sleep(Duration::from_millis(500));
            (is_long, back)
        });
        answers.check(ANSWER_MAX);
        assert!(answers.accepted > 0 && answers.broken == 0, "{answers:?}");
        assert!(!back.0 || answers.refused > 0, "{answers:?}");
        let how = if is_killed { "killed" } else { "restarted" };
        println!("pgbouncer {how}: ready {:?} after its start, {answers:?}", back.1);
    }
    load.finish(&one, &instance);
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let sql = json!({"sql": "SELECT count(*) FROM events"}).to_string();
    let counted = one.post("/api/query", &headers, sql.as_bytes());
    assert_eq!((counted.status, &counted.json()["rows"]), (200, &json!([[load.made()]])));
    let logs = [one.stop_with_log(), two.stop_with_log()].concat();
    assert!(logs.contains("this server leads"), "session locks work: {logs}");
}

#[test]
#[ignore = "needs pgbouncer: cargo xtask torture runs it"]
fn a_pgbouncer_that_gives_each_transaction_another_connection_is_refused() {
    let instance = Instance::start("");
    for mode in ["transaction", "statement"] {
        let bouncer = Bouncer::start(&instance, mode);
        let why = refused(&bouncer.url());
        for part in
            ["a pooler between lamplight and it", "Set pool_mode = session for this database"]
        {
            assert!(why.contains(part), "{mode}, {part}: {why}");
        }
    }
}
