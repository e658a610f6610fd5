//! What commands on files leave to a server on the same machine, and what they say.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::{backed_up, lamplight, output};
use crate::harness::Server;

/// A data directory with one event.
fn fill(data: &Path) {
    let server = Server::serve(data);
    assert_eq!(server.send(r#"[{"name":"a"}]"#).status, 200);
    server.settled();
}

/// The niceness with which a command ended.
#[cfg(target_os = "linux")]
fn niceness(arguments: &[&str], paths: &[(&str, &Path)]) -> i32 {
    let mut command = lamplight(arguments, paths);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let end = crate::harness::now() + Duration::from_secs(30);
    // The kernel tells it until someone asks how the process ended.
    let niceness = loop {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        let fields: Vec<_> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        if fields[0] == "Z" {
            break fields[16].parse().unwrap();
        }
        assert!(crate::harness::now() < end, "the command does not end");
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(child.wait().unwrap().success());
    niceness
}

#[cfg(target_os = "linux")]
#[test]
fn backup_and_verify_run_with_the_lowest_priority_and_restore_does_not() {
    let root = tempfile::tempdir().unwrap();
    let (data, to) = (root.path().join("data"), root.path().join("backups"));
    fill(&data);
    let paths = [("--data", data.as_path())];
    assert_eq!(niceness(&["backup"], &[("--data", &data), ("--to", &to)]), 19);
    assert_eq!(niceness(&["verify"], &paths), 19);
    let backup = backed_up(&data, &to);
    assert_eq!(niceness(&["verify"], &[("--backup", &backup)]), 19);
    // A server waits for it.
    let restored = root.path().join("restored");
    assert!(niceness(&["restore"], &[("--from", &backup), ("--data", &restored)]) < 19);
}

#[test]
fn commands_write_one_event_of_one_week_in_the_singular() {
    let root = tempfile::tempdir().unwrap();
    let (data, to) = (root.path().join("data"), root.path().join("backups"));
    fill(&data);
    let counts = "1 event in 1 week, and 0 payloads that wait to be processed";
    let again =
        || output(lamplight(&["backup", "--keep", "1"], &[("--data", &data), ("--to", &to)]));
    let (_, _, err) = again();
    assert!(err.contains(counts) && err.contains("Removed 0 earlier backups"), "{err}");
    let (_, out, err) = again();
    assert!(err.contains("Removed 1 earlier backup\n"), "{err}");
    let backup = Path::new(out.trim());
    let paths = [("--from", backup), ("--data", &root.path().join("restored"))];
    let (_, _, err) = output(lamplight(&["restore"], &paths));
    assert!(err.contains(counts), "{err}");
    let mut store = std::fs::read(backup.join("store.db")).unwrap();
    store.push(0);
    std::fs::write(backup.join("store.db"), store).unwrap();
    let (_, _, err) = output(lamplight(&["verify"], &[("--backup", backup)]));
    assert!(err.contains("is not healthy: 1 line\n"), "{err}");
}
