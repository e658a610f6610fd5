//! Who may use a data directory, and what a failed start leaves behind.

use super::*;

#[test]
fn a_second_process_is_refused_until_the_first_has_ended() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b");
    let first = DataDir::open(&path, Purpose::Serve).unwrap();
    assert!(matches!(DataDir::open(&path, Purpose::Serve), Err(DataDirError::Locked { .. })));
    drop(first);
    DataDir::open(&path, Purpose::Serve).unwrap();
}

#[test]
fn the_demo_and_the_server_refuse_each_other_s_directories() {
    let dir = tempfile::tempdir().unwrap();
    let [demo, serve] = ["demo", "serve"].map(|name| dir.path().join(name));
    for _ in 0..2 {
        let opened = DataDir::open(&demo, Purpose::Demo).unwrap();
        std::fs::write(opened.intake_db(), "").unwrap();
        drop(opened);
        let opened = DataDir::open(&serve, Purpose::Serve).unwrap();
        std::fs::write(opened.store_db(), "").unwrap();
    }
    let refused = DataDir::open(&serve, Purpose::Demo);
    assert!(matches!(refused, Err(DataDirError::NotOfDemo { .. })), "{refused:?}");
    let refused = DataDir::open(&demo, Purpose::Serve);
    assert!(matches!(refused, Err(DataDirError::OfDemo { .. })), "{refused:?}");
    for path in [&demo, &serve] {
        DataDir::open(path, Purpose::Any).unwrap();
    }
}

#[test]
fn what_a_failed_start_created_is_removed_and_what_was_there_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b");
    let start = |succeeds: bool| {
        let opened = DataDir::open_for_start(&path, Purpose::Serve).unwrap();
        std::fs::write(opened.store_db(), "").unwrap();
        if succeeds {
            opened.keep();
        }
    };
    start(false);
    assert!(!dir.path().join("a").exists() && dir.path().exists());
    start(true);
    start(false);
    assert!(path.join("store.db").exists(), "it was there before");
    let filled = dir.path().join("filled");
    let opened = DataDir::open_for_start(&filled, Purpose::Demo).unwrap();
    std::fs::write(filled.join("notes.txt"), "").unwrap();
    drop(opened);
    let left = std::fs::read_dir(&filled).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["notes.txt"], "it removes only its own files");
    let other = dir.path().join("other");
    let first = DataDir::open(&other, Purpose::Serve).unwrap();
    assert!(
        DataDir::open_for_start(&other, Purpose::Serve).is_err() && other.exists(),
        "it is in use"
    );
    drop(first);
    let missing = dir.path().join("typo");
    assert!(matches!(DataDir::open_existing(&missing), Err(DataDirError::NoData { .. })));
    assert!(matches!(DataDir::open_existing(dir.path()), Err(DataDirError::NoData { .. })));
    assert!(!missing.exists() && !dir.path().join("lock").exists());
}

#[test]
fn a_file_in_place_of_the_directory_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("taken");
    std::fs::write(&path, "").unwrap();
    assert!(matches!(DataDir::open(&path, Purpose::Serve), Err(DataDirError::Create { .. })));
}

#[test]
fn the_latest_restores_are_listed_and_a_damaged_list_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(read_restores(dir.path()).unwrap(), []);
    let all: Vec<PastRestore> =
        (0..12).map(|it| PastRestore { backup_ms: it, restored_ms: it + 1 }).collect();
    for count in [1, 2, 12] {
        write_restores(dir.path(), &all[..count]).unwrap();
        assert_eq!(read_restores(dir.path()).unwrap(), all[count.saturating_sub(10)..count]);
    }
    for text in ["", "{", "[{}]", "{\"backup_ms\":1}"] {
        std::fs::write(dir.path().join(RESTORES), text).unwrap();
        assert!(read_restores(dir.path()).is_err(), "{text}");
    }
}
