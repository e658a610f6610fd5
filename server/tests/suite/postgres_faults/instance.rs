//! A PostgreSQL that can be stopped, killed and started again.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::harness::now;
use crate::harness::postgres::{as_another_user, clients, free_port, programs};

/// What every instance is configured with. Its data is synced to the disk, as by default.
const CONFIG: &str = "listen_addresses = '127.0.0.1'\nshared_buffers = 32MB\nmax_wal_size = 256MB\n\
                      log_min_messages = warning\n";
/// Runs the lines that it is sent, and says how each ended. At the end, everything is removed.
const SCRIPT: &str = r#"
    while read -r line; do
        eval "$line" >>"$DIR/shell.log" 2>&1 </dev/null
        echo "$?"
    done
    "$BIN/pg_ctl" -D "$DIR/data" -m immediate stop >/dev/null 2>&1 </dev/null
    rm -rf "$DIR"
"#;

/// A PostgreSQL. It stops, and its folder is deleted, when this process ends or drops it.
pub(crate) struct Instance {
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
    shell: Child,
    lines: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Instance {
    /// One that runs, with a database `lamp`.
    pub(crate) fn start(config: &str) -> Self {
        Self::made(Self::new(), config, "")
    }

    /// One of the version of the programs for clients: what they dump, it restores.
    pub(crate) fn of_clients() -> Self {
        Self::made(Self::with_programs(&clients()), "", "")
    }

    /// The same, with files of 1 MB for its log.
    pub(crate) fn with_small_segments() -> Self {
        let config = "max_wal_size = 32MB\nmin_wal_size = 2MB";
        Self::made(Self::new(), config, "--wal-segsize=1")
    }

    fn made(mut instance: Self, config: &str, options: &str) -> Self {
        instance.make(config, options);
        instance
    }

    /// Makes its data, with these options of `initdb`, starts it, and makes a database `lamp`.
    pub(crate) fn make(&mut self, config: &str, options: &str) {
        self.run(&format!(
            "\"$BIN/initdb\" --pgdata=\"$DIR/data\" --username=postgres --auth=trust --encoding=UTF8 \
             --locale=C --no-sync {options}"
        ));
        self.configure(config);
        self.up();
        self.sql("postgres", "CREATE DATABASE lamp");
    }

    /// A folder without data.
    pub(crate) fn new() -> Self {
        Self::with_programs(&programs())
    }

    fn with_programs(programs: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("lamplight-pg-").tempdir().unwrap().keep();
        let port = free_port();
        let mut command = Command::new("sh");
        command
            .args(["-c", SCRIPT])
            .env("BIN", programs)
            .env("CLIENTS", clients())
            .env("DIR", &folder)
            .env("LC_ALL", "C")
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        as_another_user(&mut command, &folder);
        let mut shell = command.spawn().unwrap();
        let (lines, answers) = (shell.stdin.take(), BufReader::new(shell.stdout.take().unwrap()));
        Self { folder, port, shell, lines, answers }
    }

    /// Runs a line of a shell script. Gives its status.
    pub(crate) fn try_run(&mut self, line: &str) -> i32 {
        writeln!(self.lines.as_mut().unwrap(), "{line}").unwrap();
        let mut status = String::new();
        self.answers.read_line(&mut status).unwrap();
        status.trim().parse().unwrap()
    }

    /// Runs a line of a shell script, which must succeed.
    pub(crate) fn run(&mut self, line: &str) {
        let status = self.try_run(line);
        assert_eq!(status, 0, "{line}: {}", self.log());
    }

    /// What the shell and the server said.
    pub(crate) fn log(&self) -> String {
        let read = |name| std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        format!("{}\n{}", read("shell.log"), read("postgres.log"))
    }

    /// Adds lines to the configuration, for the next start.
    pub(crate) fn configure(&mut self, config: &str) {
        let (port, folder) = (self.port, self.folder.display());
        let lines =
            format!("{CONFIG}port = {port}\nunix_socket_directories = '{folder}'\n{config}");
        for line in lines.lines() {
            let line = line.replace('\'', "'\\''");
            self.run(&format!("echo '{line}' >>\"$DIR/data/postgresql.conf\""));
        }
    }

    /// Starts it and waits until it takes connections.
    pub(crate) fn up(&mut self) {
        let begun = now();
        let start = "\"$BIN/pg_ctl\" -D \"$DIR/data\" -l \"$DIR/postgres.log\" -w -t 30 start";
        while self.try_run(start) != 0 {
            // Processes of the killed one may still hold its memory.
            assert!(begun.elapsed() < Duration::from_mins(1), "it does not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Stops it, in one of the modes of `pg_ctl`.
    pub(crate) fn stop(&mut self, mode: &str) {
        self.run(&format!("\"$BIN/pg_ctl\" -D \"$DIR/data\" -w -m {mode} stop"));
    }

    /// Kills all of its processes.
    pub(crate) fn kill_9(&mut self) {
        self.run(
            "P=$(head -1 \"$DIR/data/postmaster.pid\"); kill -STOP $P; kill -9 $(cat /proc/$P/task/$P/children) $P",
        );
    }

    /// Kills some of the processes that serve lamplight, of those with this condition.
    pub(crate) fn kill_9_backends(&mut self, condition: &str) {
        let pids = self.sql(
            "postgres",
            &format!("SELECT pid FROM pg_stat_activity WHERE application_name = 'lamplight' AND {condition}"),
        );
        if !pids.is_empty() {
            // One may have ended meanwhile.
            self.try_run(&format!("kill -9 {}", pids.replace('\n', " ")));
        }
    }

    /// The URL of a database, for a superuser.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The answer to a statement, as text without decoration.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> String {
        let output = self.psql(database, sql);
        assert!(output.0, "{sql}: {}", output.1);
        output.1
    }

    /// Whether a statement succeeded, and what `psql` said.
    pub(crate) fn psql(&self, database: &str, sql: &str) -> (bool, String) {
        let mut command = Command::new(clients().join("psql"));
        command.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            &self.url(database),
            "-c",
            sql,
        ]);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = if output.status.success() { output.stdout } else { output.stderr };
        (output.status.success(), String::from_utf8(said).unwrap().trim().to_owned())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        drop(self.lines.take());
        drop(self.shell.wait());
    }
}
