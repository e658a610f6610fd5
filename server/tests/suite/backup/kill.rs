//! `kill -9` of a backup, of a restore, and of the server while it is backed up.

use std::process::Stdio;
use std::time::Duration;

use super::fleet::{check_holes, restored};
use super::{backed_up, lamplight, output, violations, whole};
use crate::harness::{Server, command, ending};
use crate::kill::Page;

/// How often something is killed, unless `LAMPLIGHT_KILL_ROUNDS` is set.
const ROUNDS: u64 = 4;

fn rounds() -> u64 {
    std::env::var("LAMPLIGHT_KILL_ROUNDS").map_or(ROUNDS, |text| text.parse().unwrap())
}

#[test]
fn killing_backup_or_server_leaves_whole_backups_and_no_event_twice() {
    let root = tempfile::tempdir().unwrap();
    let (data, to) = (root.path().join("data"), root.path().join("backups"));
    let mut pages: Vec<Page> = (30..32).map(Page::new).collect();
    for round in 0..rounds() {
        let server = Server::serve(&data);
        let kills_server = round % 2 == 1;
        super::fleet::under_load(&server, &mut pages, || {
            std::thread::sleep(Duration::from_millis(150));
            let mut backup =
                lamplight(&["backup", "--keep", "2"], &[("--data", &data), ("--to", &to)]);
            let mut backup = backup.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(round * 37 % 160));
            if kills_server {
                ending::kill(server.pid());
            } else {
                backup.kill().unwrap();
            }
            backup.wait().unwrap();
        });
        server.kill_9();
        assert_eq!(violations(&data), [""; 0], "round {round}");
        for backup in whole(&to) {
            let (code, out, err) = output(lamplight(&["verify"], &[("--backup", &backup)]));
            assert_eq!((code, out.as_str()), (Some(0), ""), "round {round}: {err}");
        }
    }
    // The next backup removes what was left, and the server continues.
    let server = Server::serve(&data);
    let before: Vec<_> = pages.iter().map(|page| page.acknowledged.clone()).collect();
    let backup = backed_up(&data, &to);
    let left = std::fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with(".partial")).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(check_holes(&server, &mut pages, &before), 0, "the server lost nothing");
    drop(server);
    let again = root.path().join("again");
    restored(&backup, &again);
    let server = Server::serve(&again);
    assert!(pages.iter_mut().all(|page| page.send(&server, true)));
    check_holes(&server, &mut pages, &before);
}

#[test]
fn no_server_starts_on_what_a_killed_restore_left() {
    let root = tempfile::tempdir().unwrap();
    let (data, to) = (root.path().join("data"), root.path().join("backups"));
    let server = Server::serve(&data);
    assert_eq!(server.send(r#"[{"name":"kept"}]"#).status, 200);
    server.settled();
    let backup = backed_up(&data, &to);
    let mut was_refused = 0;
    for round in 0..rounds().min(40) * 4 {
        let target = root.path().join(format!("restored-{round}"));
        let restore = || lamplight(&["restore"], &[("--from", &backup), ("--data", &target)]);
        let mut killed = restore();
        let mut killed = killed.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(round * 3 % 60));
        killed.kill().unwrap();
        killed.wait().unwrap();
        if target.join("restoring").exists() {
            was_refused += 1;
            let mut serve = command("serve", &target);
            let said = serve.output().unwrap();
            let said = String::from_utf8(said.stderr).unwrap();
            assert!(said.contains("has not finished"), "{said}");
        }
        if !target.join("store.db").exists() || target.join("restoring").exists() {
            let (code, _, err) = output(restore());
            assert_eq!(code, Some(0), "{err}");
        }
        assert_eq!(violations(&target), [""; 0]);
        std::fs::remove_dir_all(&target).unwrap();
    }
    println!("{was_refused} restores were killed halfway");
    // The same in the middle, for certain.
    let target = root.path().join("half");
    std::fs::create_dir_all(target.join("restoring")).unwrap();
    std::fs::copy(backup.join("store.db"), target.join("store.db")).unwrap();
    let said = command("serve", &target).output().unwrap();
    assert!(!said.status.success());
    assert!(String::from_utf8(said.stderr).unwrap().contains("Run `lamplight restore`"));
    restored(&backup, &target);
    assert_eq!(Server::serve(&target).settled()["stored"], 1);
}
