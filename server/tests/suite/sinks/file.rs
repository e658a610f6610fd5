//! The sink that writes JSON lines to a file.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::sinks::rig::{Rig, events};

fn table(path: &Path, rest: &str) -> String {
    format!("kind = 'file'\npath = '{}'\n{rest}\n[retry]\nbase_ms = 1\ncap_ms = 20", path.display())
}

/// The ids in all files of a folder, with each line parsed as JSON, and the names of the files.
pub(crate) fn lines(folder: &Path) -> (Vec<String>, Vec<String>) {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut ids = Vec::new();
    for name in &names {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
        for line in text.lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            ids.push(event["id"].as_str().unwrap().to_owned());
        }
    }
    (ids, names)
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_lines_in_files_that_are_rotated_when_full() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("made/for/it");
    let path = folder.join("events.ndjson");
    let mut rig = Rig::new(&[("file", &table(&path, "rotate_bytes = 100000"))]);
    let stored = rig.add(events(5_000)).await;
    rig.start();
    assert_eq!(rig.settled("file").await.sent, 5_000);
    let (ids, names) = lines(&folder);
    assert_eq!(ids.len(), 5_000);
    let want: BTreeSet<String> = stored.iter().map(ToString::to_string).collect();
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), want);
    assert!(names.len() > 3 && names.contains(&"events.ndjson".to_owned()), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_configured_number_of_rotated_files_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("events.of-mine.ndjson"), "").unwrap();
    let path = dir.path().join("events.ndjson");
    let mut rig = Rig::new(&[("file", &table(&path, "rotate_bytes = 1\nkeep = 2"))]);
    rig.start();
    for _ in 0..5 {
        rig.add(events(3)).await;
        rig.settled("file").await;
    }
    let (_, names) = lines(dir.path());
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.contains(&"events.of-mine.ndjson".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incomplete_line_after_a_crash_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.ndjson");
    let id = "0192d7a8-3b1c-7def-8123-456789abcdef";
    let torn = format!(
        "{{\"id\":\"whole\"}}\n{{\"id\":\"{id}\",\"event_id\":\"torn{}",
        "x".repeat(200_000)
    );
    std::fs::write(&path, torn).unwrap();
    let mut rig = Rig::new(&[("file", &table(&path, ""))]);
    rig.add(events(1)).await;
    rig.start();
    rig.settled("file").await;
    let (ids, _) = lines(dir.path());
    assert_eq!((ids.len(), ids[0].as_str()), (2, "whole"));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_stay_queued_while_the_file_cannot_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("folder");
    // A file in place of its folder.
    std::fs::write(&folder, "").unwrap();
    let mut rig = Rig::new(&[("file", &table(&folder.join("events.ndjson"), ""))]);
    let ids = rig.add(events(3)).await;
    rig.start();
    rig.until("file", |sink| sink.rests.is_some()).await;
    assert_eq!(rig.end(ids[0]).await, ("retry", "not_written".into()));
    std::fs::remove_file(&folder).unwrap();
    assert_eq!(rig.settled("file").await.sent, 3);
    assert_eq!(lines(&folder).0.len(), 3);
}

/// Moves, removes or truncates the file between batches, as `change` does. Gives what the files of
/// the folder hold then, and the ids of all events.
async fn changed_between(
    change: impl Fn(&Path, u32),
) -> (tempfile::TempDir, BTreeSet<String>, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.ndjson");
    let mut rig = Rig::new(&[("file", &table(&path, ""))]);
    rig.start();
    let mut stored = Vec::new();
    for round in 0..4 {
        stored.extend(rig.add(events(3)).await.iter().map(ToString::to_string));
        rig.settled("file").await;
        change(&path, round);
    }
    stored.extend(rig.add(events(3)).await.iter().map(ToString::to_string));
    rig.settled("file").await;
    let (ids, _) = lines(dir.path());
    (dir, ids.into_iter().collect(), stored)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_moved_is_begun_again_and_no_line_is_lost() {
    let (_dir, ids, stored) = changed_between(|path, round| {
        std::fs::rename(path, path.with_extension(format!("{round}.ndjson"))).unwrap();
    })
    .await;
    assert_eq!(ids, stored.into_iter().collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_copied_and_truncated_has_whole_lines_only() {
    let (_dir, ids, stored) = changed_between(|path, round| {
        std::fs::copy(path, path.with_extension(format!("{round}.ndjson"))).unwrap();
        std::fs::File::options().write(true).open(path).unwrap().set_len(0).unwrap();
    })
    .await;
    assert_eq!(ids, stored.into_iter().collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_removed_or_replaced_is_begun_again() {
    let (_dir, ids, stored) = changed_between(|path, round| {
        std::fs::remove_file(path).unwrap();
        if round % 2 == 0 {
            std::fs::write(path, "").unwrap();
        }
    })
    .await;
    let last: BTreeSet<String> = stored[12..].iter().cloned().collect();
    assert_eq!(ids, last, "what came after the file was removed is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_program_wrote_is_kept_and_new_lines_follow_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.ndjson");
    std::fs::write(&path, "{\"id\":\"of mine\"}\n[\"without a line break\"").unwrap();
    let mut rig = Rig::new(&[("file", &table(&path, ""))]);
    let ids = rig.add(events(1)).await;
    rig.start();
    rig.settled("file").await;
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..2], ["{\"id\":\"of mine\"}", "[\"without a line break\""]);
    assert!(
        lines.len() == 3 && lines[2].starts_with(&format!("{{\"id\":\"{}\"", ids[0])),
        "{text}"
    );
}

/// A batch cannot be written while `obstruct` has put something at its path. Gives the reason, and
/// checks that the batch is written once the path is free.
async fn obstructed(obstruct: impl Fn(&Path)) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.ndjson");
    obstruct(&path);
    let mut rig = Rig::new(&[("file", &table(&path, ""))]);
    let ids = rig.add(events(3)).await;
    rig.start();
    rig.until("file", |sink| sink.rests.is_some()).await;
    let (state, reason) = rig.end(ids[0]).await;
    assert_eq!((state, reason.as_str()), ("retry", "not_written"));
    let detail = rig.steps(ids[0]).await.last().unwrap().detail.clone().unwrap_or_default();
    if path.is_dir() {
        std::fs::remove_dir(&path).unwrap();
    } else {
        std::fs::remove_file(&path).unwrap();
    }
    assert_eq!(rig.settled("file").await.sent, 3);
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3);
    detail
}

// Links and FIFOs are of Unix.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_link_fifo_directory_or_second_name_is_never_written_to() {
    let other = tempfile::tempdir().unwrap();
    let target = other.path().join("target");
    std::fs::write(&target, "kept").unwrap();
    let link = |path: &Path| std::os::unix::fs::symlink(&target, path).unwrap();
    assert!(obstructed(link).await.contains("a symbolic link"));
    let nowhere = other.path().join("nowhere");
    let link = |path: &Path| std::os::unix::fs::symlink(&nowhere, path).unwrap();
    assert!(obstructed(link).await.contains("a symbolic link"));
    let device = |path: &Path| std::os::unix::fs::symlink("/dev/null", path).unwrap();
    assert!(obstructed(device).await.contains("a symbolic link"));
    let name = |path: &Path| {
        // Both names are on one file system.
        let twin = path.with_file_name("twin");
        std::fs::write(&twin, "kept").unwrap();
        std::fs::hard_link(&twin, path).unwrap();
    };
    assert!(obstructed(name).await.contains("a hard link"));
    assert!(obstructed(|path| std::fs::create_dir(path).unwrap()).await.contains("a directory"));
    let fifo = |path: &Path| {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    assert!(obstructed(fifo).await.contains("FIFO"));
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "kept");
    assert!(!nowhere.exists());
}

// Links and FIFOs are of Unix.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_takes_the_place_of_the_open_file_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (path, moved) = (dir.path().join("events.ndjson"), dir.path().join("moved.ndjson"));
    let mut rig = Rig::new(&[("file", &table(&path, ""))]);
    rig.start();
    rig.add(events(3)).await;
    rig.settled("file").await;
    std::fs::rename(&path, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &path).unwrap();
    rig.add(events(3)).await;
    rig.until("file", |sink| sink.rests.is_some()).await;
    std::fs::remove_file(&path).unwrap();
    assert_eq!(rig.settled("file").await.sent, 6);
    let count = |path: &Path| std::fs::read_to_string(path).unwrap().lines().count();
    assert_eq!((count(&moved), count(&path)), (3, 3));
}
