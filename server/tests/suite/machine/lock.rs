//! One process uses a data directory at a time, also when somebody deletes the file `lock`.

use std::path::Path;

use super::refusal;
use crate::harness::{Server, command};

fn is_refused(subcommand: &str, data: &Path, more: &[&str]) -> String {
    let mut command = command(subcommand, data);
    command.args(more);
    refusal(command)
}

// Windows does not let anybody delete or rename a locked file.
#[cfg(unix)]
#[test]
fn a_second_process_is_refused_after_the_lock_file_was_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let lock = dir.path().join("lock");
    let first = Server::serve(dir.path());
    for change in [
        |lock: &Path| std::fs::remove_file(lock).unwrap(),
        |lock: &Path| std::fs::write(lock, "").unwrap(),
        |lock: &Path| std::fs::rename(lock, lock.with_extension("old")).unwrap(),
    ] {
        change(&lock);
        let said = is_refused("serve", dir.path(), &[]);
        assert!(said.contains("another lamplight process is using it"), "{said}");
        let said = is_refused("replay", dir.path(), &["--from", "0", "--to", "1"]);
        assert!(said.contains("a server is using the data directory"), "{said}");
    }
    assert_eq!(first.send(r#"[{"name":"a"}]"#).status, 200);
    // The system releases the lock with the process, however it ends.
    first.kill_9();
    assert_eq!(Server::serve(dir.path()).settled()["stored"], 1);
}

#[cfg(windows)]
#[test]
fn a_lock_file_cannot_be_deleted_or_renamed_while_a_server_runs() {
    let dir = tempfile::tempdir().unwrap();
    let lock = dir.path().join("lock");
    let first = Server::serve(dir.path());
    std::fs::remove_file(&lock).unwrap_err();
    std::fs::rename(&lock, lock.with_extension("old")).unwrap_err();
    let said = is_refused("serve", dir.path(), &[]);
    assert!(said.contains("another lamplight process is using it"), "{said}");
    first.kill_9();
    drop(Server::serve(dir.path()));
    std::fs::remove_file(&lock).unwrap();
}

// As above, and links need rights that few users of Windows have.
#[cfg(unix)]
#[test]
fn a_second_process_is_refused_by_another_name_of_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let (data, link) = (dir.path().join("data"), dir.path().join("link"));
    let _first = Server::serve(&data);
    std::os::unix::fs::symlink(&data, &link).unwrap();
    std::fs::remove_file(data.join("lock")).unwrap();
    assert!(is_refused("serve", &link, &[]).contains("another lamplight process"));
    let moved = dir.path().join("moved");
    std::fs::rename(&data, &moved).unwrap();
    assert!(is_refused("serve", &moved, &[]).contains("another lamplight process"));
}

#[test]
fn an_earlier_version_that_locks_only_the_file_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let lock = std::fs::File::create(dir.path().join("lock")).unwrap();
    lock.try_lock().unwrap();
    assert!(is_refused("serve", dir.path(), &[]).contains("another lamplight process"));
    drop(lock);
    drop(Server::serve(dir.path()));
}
