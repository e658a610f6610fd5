//! Several real servers on one database behave as one.

mod access;
mod leading;
mod losses;
mod starts;

use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::postgres::TestDatabase;
use crate::harness::{Server, command, now};

/// A server on a database, with a folder of its own.
struct Shared {
    server: Server,
    folder: TempDir,
}

impl Shared {
    /// Starts one, with a sink that writes to a file in its own folder.
    fn start(database: &TestDatabase) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("lamplight.toml");
        let path = folder.path().join("archive.ndjson");
        let path = path.display();
        std::fs::write(&config, format!("[sinks.archive]\nkind = 'file'\npath = '{path}'"))
            .unwrap();
        let mut command = command("serve", &folder.path().join("data"));
        command.arg("--config").arg(&config).env("LAMPLIGHT_DATABASE_URL", &database.url);
        Self { server: Server::start(command), folder }
    }

    /// What it has written to its sink.
    fn archive(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("archive.ndjson")).unwrap_or_default()
    }

    /// Whether it says that it leads, and not later that it does no longer.
    fn leads(&self) -> bool {
        let log = self.server.log();
        let (begun, ended) = (log.rfind("this server leads:"), log.rfind("leads no longer"));
        begun > ended
    }
}

/// Waits until something is so, at most for this long.
#[track_caller]
fn wait_for(what: &str, max: Duration, is_so: impl Fn() -> bool) -> Duration {
    let begun: Instant = now();
    while !is_so() {
        assert!(begun.elapsed() < max, "not within {max:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    begun.elapsed()
}
