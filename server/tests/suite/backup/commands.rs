//! What `backup`, `restore` and `verify` do with directories that they must not use, with damaged
//! files, and with files that have not changed.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::{backed_up, lamplight, output, violations, whole};
use crate::harness::Server;
use crate::store::sqlite::upgrade::server::{NOW, Server as Storage};
use lamplight_server::store::week::WEEK_MS;

fn refused(arguments: &[&str], paths: &[(&str, &Path)], part: &str) {
    let (code, _, err) = output(lamplight(arguments, paths));
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains(part), "{err}");
}

/// A data directory with events of three weeks.
async fn fill(data: &Path) {
    std::fs::create_dir_all(data).unwrap();
    let server = Storage::open(data).unwrap();
    for week in 0..3 {
        server.stage(week * 10..week * 10 + 5, week * WEEK_MS).await;
        server.process(NOW).await;
    }
    server.close().await;
}

#[tokio::test]
async fn a_week_that_has_not_changed_is_not_copied_again() {
    let root = tempfile::tempdir().unwrap();
    let (data, to) = (root.path().join("data"), root.path().join("backups"));
    fill(&data).await;
    let inodes = |backup: &Path| {
        let mut weeks: Vec<_> = std::fs::read_dir(backup)
            .unwrap()
            .map(Result::unwrap)
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("events-"))
            .map(|entry| (entry.file_name(), entry.metadata().unwrap().ino()))
            .collect();
        weeks.sort();
        weeks
    };
    let (first, second) = (backed_up(&data, &to), backed_up(&data, &to));
    assert_eq!(inodes(&first).len(), 3);
    assert_eq!(inodes(&first), inodes(&second), "nothing changed");
    // The last week changes.
    let server = Storage::open(&data).unwrap();
    server.stage(70..75, 2 * WEEK_MS).await;
    server.process(NOW).await;
    server.close().await;
    let third = backed_up(&data, &to);
    let shared = inodes(&third).iter().filter(|week| inodes(&second).contains(week)).count();
    assert!(shared < 3, "a file that changed is copied");
    assert_eq!(violations(&third), [""; 0]);
    // Another tool changes a file, with the same size and the same time.
    let week = data.join(&inodes(&third)[0].0);
    let modified = week.metadata().unwrap().modified().unwrap();
    let connection = rusqlite::Connection::open(&week).unwrap();
    connection.execute_batch("UPDATE events SET session = 'x'").unwrap();
    connection.close().unwrap();
    std::fs::File::options().write(true).open(&week).unwrap().set_modified(modified).unwrap();
    let fourth = backed_up(&data, &to);
    assert_ne!(inodes(&fourth)[0], inodes(&third)[0], "its content tells");
    // A file of the earlier backup is damaged: it is not shared.
    let damaged = fourth.join(&inodes(&fourth)[1].0);
    let mut bytes = std::fs::read(&damaged).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    let (code, out, err) = output(lamplight(&["backup"], &[("--data", &data), ("--to", &to)]));
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("is not what the earlier backup wrote"), "{err}");
    let fifth = Path::new(out.trim());
    let (code, out, _) = output(lamplight(&["verify"], &[("--backup", &fourth)]));
    assert_eq!(code, Some(1));
    assert!(out.starts_with("checksums: events-"), "{out}");
    // Each backup is complete without the others.
    for backup in whole(&to).iter().filter(|backup| *backup != fifth) {
        std::fs::remove_dir_all(backup).unwrap();
    }
    let (code, out, _) = output(lamplight(&["verify"], &[("--backup", fifth)]));
    assert_eq!((code, out.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn only_the_newest_backups_are_kept_and_all_are_private() {
    let root = tempfile::tempdir().unwrap();
    let (data, to) = (root.path().join("data"), root.path().join("backups"));
    fill(&data).await;
    std::fs::create_dir_all(to.join(".partial-lamplight-killed")).unwrap();
    std::fs::create_dir_all(to.join("lamplight-notes")).unwrap();
    let made: Vec<_> = (0..4)
        .map(|_| {
            let paths = [("--data", data.as_path()), ("--to", &to)];
            let (code, out, err) = output(lamplight(&["backup", "--keep", "2"], &paths));
            assert_eq!(code, Some(0), "{err}");
            out.trim().to_owned()
        })
        .collect();
    let left = whole(&to);
    let left: Vec<_> = left.iter().map(|path| path.to_str().unwrap()).collect();
    let notes = to.join("lamplight-notes");
    assert_eq!(left, [&made[2], &made[3], notes.to_str().unwrap()], "what is no backup stays");
    assert!(!to.join(".partial-lamplight-killed").exists());
    let bits_of = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(bits_of(Path::new(&made[3])), 0o700);
    for entry in std::fs::read_dir(&made[3]).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(bits_of(&path), 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn directories_that_must_not_be_used_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let (data, to) = (root.path().join("data"), root.path().join("backups"));
    fill(&data).await;
    let inside = data.join("a/b");
    refused(&["backup"], &[("--data", &data), ("--to", &inside)], "it is in the data directory");
    assert!(!data.join("a").exists());
    refused(&["backup"], &[("--data", &data), ("--to", &data)], "it is in the data directory");
    refused(&["backup"], &[("--data", &to), ("--to", &root.path().join("x"))], "because");
    let backup = backed_up(&data, &to);
    refused(&["restore"], &[("--from", &to), ("--data", &root.path().join("y"))], "no manifest");
    refused(&["restore"], &[("--from", &backup), ("--data", &data)], "it is not empty");
    refused(&["restore"], &[("--from", &backup), ("--data", &backup)], "in the backup itself");
    // A damaged backup changes nothing, and one of a newer version neither.
    let target = root.path().join("restored");
    for (from, to, part) in [
        (r#""format": 1"#, r#""format": 2"#, "a newer lamplight wrote it"),
        (r#""name": "store.db""#, r#""name": "../store.db""#, "which no backup has"),
        (r#""sha256": ""#, r#""sha256": "0"#, "another checksum"),
    ] {
        let manifest = backup.join("manifest.json");
        let whole = std::fs::read_to_string(&manifest).unwrap();
        assert!(whole.contains(from), "{whole}");
        std::fs::write(&manifest, whole.replace(from, to)).unwrap();
        refused(&["restore"], &[("--from", &backup), ("--data", &target)], part);
        assert!(!target.exists(), "{part}");
        std::fs::write(&manifest, whole).unwrap();
    }
}

#[test]
fn a_restore_in_place_moves_the_data_aside_unless_a_server_uses_it() {
    let root = tempfile::tempdir().unwrap();
    let (data, to) = (root.path().join("data"), root.path().join("backups"));
    let server = Server::serve(&data);
    assert_eq!(server.send(r#"[{"name":"before"}]"#).status, 200);
    server.settled();
    let backup = backed_up(&data, &to);
    assert_eq!(server.send(r#"[{"name":"after"}]"#).status, 200);
    server.settled();
    let paths = [("--from", backup.as_path()), ("--data", &data)];
    refused(&["restore", "--replace"], &paths, "another lamplight process is using it");
    assert_eq!(server.settled()["stored"], 2);
    assert_eq!(server.stop(), Some(0));
    let (code, _, err) = output(lamplight(&["restore", "--replace"], &paths));
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("before-restore-"), "{err}");
    assert_eq!(Server::serve(&data).settled()["stored"], 1);
    let mut beside = std::fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().path());
    let aside = beside.find(|path| path.to_string_lossy().contains("before-restore-"));
    assert_eq!(Server::serve(&aside.unwrap()).settled()["stored"], 2, "nothing is deleted");
}

#[test]
fn a_backup_that_finds_no_space_leaves_nothing() {
    // A file system of 1 MiB, where tests may mount one.
    let root = tempfile::tempdir().unwrap();
    let (data, to) = (root.path().join("data"), root.path().join("small"));
    let server = Server::serve(&data);
    assert_eq!(server.send(r#"[{"name":"a"}]"#).status, 200);
    server.settled();
    std::fs::create_dir(&to).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(&to)
        .stderr(std::process::Stdio::null())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        println!("not tested: this user may not mount a small file system");
        return;
    }
    let (code, _, err) = output(lamplight(&["backup"], &[("--data", &data), ("--to", &to)]));
    let left = std::fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name != ".lamplight-backup-lock").collect();
    let unmounted = std::process::Command::new("umount").arg(&to).status().unwrap();
    assert!(unmounted.success());
    assert_eq!(code, Some(1));
    assert!(err.contains("of free space"), "{err}");
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(server.send(r#"[{"name":"b"}]"#).status, 200);
}

/// The commands in a text, from the word `lamplight` on.
fn commands_in(text: &str) -> Vec<&str> {
    // What help says about an option is indented further.
    let is_code = |line: &&str| {
        let is_in_guide = line.starts_with("    ") && !line.starts_with("     ");
        is_in_guide || line.starts_with("  lamplight ")
    };
    let lines = text.lines().filter(is_code);
    let subcommands = ["lamplight backup", "lamplight verify", "lamplight restore"];
    let commands = lines.filter_map(|line| {
        subcommands.iter().find_map(|name| line.find(name).and_then(|at| line.get(at..)))
    });
    commands.collect()
}

#[test]
fn the_examples_of_help_and_guide_run() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("lamplight-data");
    let server = Server::serve(&data);
    assert_eq!(server.send(r#"[{"name":"a"}]"#).status, 200);
    server.settled();
    drop(server);
    let backups = root.path().join("backups");
    let first = backed_up(&data, &backups);
    let guide = std::fs::read_to_string("../docs/backup.md").unwrap();
    let help = |subcommand| output(lamplight(&[subcommand, "--help"], &[])).1;
    let helps = [("backup", 2), ("verify", 4), ("restore", 2)];
    let texts = helps.map(|(subcommand, count)| (help(subcommand), count));
    for (text, count) in texts.into_iter().chain([(guide, 7)]) {
        let examples = commands_in(&text);
        assert_eq!(examples.len(), count, "{text}");
        for example in examples {
            let example = example
                .replace("/mnt/backups/lamplight-20260131T120000Z", first.to_str().unwrap())
                .replace("/mnt/backups", backups.to_str().unwrap())
                .replace("/var/lib/lamplight", data.to_str().unwrap());
            let _ = std::fs::remove_dir_all(root.path().join("restored"));
            let words: Vec<_> = example.split_whitespace().skip(1).collect();
            let mut command = lamplight(&words, &[]);
            command.current_dir(root.path());
            let (code, _, err) = output(command);
            assert_eq!(code, Some(0), "{example}: {err}");
        }
    }
}
