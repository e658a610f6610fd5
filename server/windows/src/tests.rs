//! The functions on a real system.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::windows::process::CommandExt as _;

use super::*;

#[test]
fn what_is_created_is_for_the_user_only_also_by_inheritance() {
    let dir = tempfile::tempdir().unwrap();
    let private = dir.path().join("private");
    create_dir(&private).unwrap();
    assert_eq!(create_dir(&private).unwrap_err().kind(), ErrorKind::AlreadyExists);
    let file = private.join("file");
    let mut created = create_file(&file).unwrap();
    created.write_all(b"kept").unwrap();
    assert_eq!(create_file(&file).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&file).unwrap(), b"kept");
    let inherits = private.join("inherits");
    fs::write(&inherits, "").unwrap();
    for path in [&private, &file, &inherits] {
        let others = others_with_access(path).unwrap();
        assert!(others.is_empty(), "{}: {}", path.display(), others.names());
    }
    let missing = dir.path().join("missing");
    assert_eq!(create_dir(&missing.join("a")).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(others_with_access(&missing).is_err());
}

#[test]
fn a_path_longer_than_the_usual_limit_can_be_created() {
    let dir = tempfile::tempdir().unwrap();
    let mut path = dir.path().to_owned();
    while path.as_os_str().len() < 400 {
        path.push("a".repeat(50));
        create_dir(&path).unwrap();
    }
    create_file(&path.join("file")).unwrap();
}

#[test]
fn everybody_s_access_is_named_and_the_command_takes_it_away() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    create_file(&file).unwrap();
    // By its identifier, because its name depends on the language.
    let mut icacls = std::process::Command::new("icacls");
    let granted = icacls.arg(&file).args(["/grant", "*S-1-1-0:(R)"]).output().unwrap();
    assert!(granted.status.success(), "{granted:?}");
    let others = others_with_access(&file).unwrap();
    assert!(!others.is_empty() && !others.names().contains(", "), "{}", others.names());
    let command = others.close_command(&file);
    // As a person types it.
    let mut cmd = std::process::Command::new("cmd");
    let closed = cmd.raw_arg(format!("/c {command}")).output().unwrap();
    assert!(others_with_access(&file).unwrap().is_empty(), "{command}: {closed:?}");
}

#[test]
fn a_file_is_known_by_its_identity_whatever_its_name_is() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("a"), "").unwrap();
    fs::write(at("b"), "").unwrap();
    let identity = |name: &str| FileIdentity::of(&File::open(at(name)).unwrap()).unwrap();
    let first = identity("a");
    assert_ne!(first, identity("b"));
    let open = File::open(at("a")).unwrap();
    assert_eq!(names(&open).unwrap(), 1);
    fs::hard_link(at("a"), at("c")).unwrap();
    assert_eq!((first, names(&open).unwrap()), (identity("c"), 2));
}

#[test]
fn a_file_that_is_open_for_appending_can_be_shortened() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let mut file = File::options().create(true).read(true).append(true).open(&path).unwrap();
    file.write_all(b"a line, and a half").unwrap();
    truncate(&file, 6).unwrap();
    file.write_all(b"!").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"a line!");
}

#[test]
fn a_process_ends_with_its_group() {
    let group = KillOnClose::new().unwrap();
    // It waits for a line that never comes.
    let mut child = std::process::Command::new("cmd")
        .args(["/c", "set /p line="])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    group.add(&child).unwrap();
    assert_eq!(child.try_wait().unwrap(), None);
    drop(group);
    child.wait().unwrap();
}

#[test]
fn this_process_uses_memory_and_its_threads_can_step_back() {
    let usage = Usage::measure().unwrap();
    assert!(usage.resident_bytes > 100_000 && usage.cpu_s >= 0.0, "{usage:?}");
    std::thread::spawn(|| lower_thread_priority().unwrap()).join().unwrap();
}
