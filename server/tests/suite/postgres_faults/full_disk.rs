//! A disk that is really full: a small file system in memory. `cargo xtask torture` runs these
//! tests as root, who may mount one.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::instance::Instance;
use super::load::{Load, is_ready, until};
use super::{rounds, server_on};
use crate::harness::Server;

/// After this long, whoever sends a payload has an answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// A database that crashed recovers first.
const BACK_MAX: Duration = Duration::from_secs(30);
const DISK_MIB: u32 = 160;
/// What is left of the disk when it gets full.
const LEFT_KIB: u64 = 2_048;

/// A small disk. It is unmounted, and its folder deleted, when this is dropped.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// One at this place, for the user that PostgreSQL runs as.
    fn mount(folder: PathBuf) -> Self {
        std::fs::create_dir(&folder).unwrap();
        let options = format!("size={DISK_MIB}m,uid=65534,gid=65534,mode=700");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&folder);
        assert!(mount.status().unwrap().success(), "only root may mount: cargo xtask torture");
        Self { folder }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.folder).status());
        // It was in the way of whoever deletes the folder around it.
        drop(self.folder.parent().map(std::fs::remove_dir_all));
    }
}

/// Fills the disk of an instance under load, and makes room again. Each time with a new instance,
/// because what is stored takes room.
fn survive(name: &str, has_log_elsewhere: bool) {
    for _ in 0..rounds(1) {
        survive_once(name, has_log_elsewhere);
    }
}

fn survive_once(name: &str, has_log_elsewhere: bool) {
    // Dropped last, when the instance has stopped.
    let disk;
    let mut instance = Instance::new();
    disk = Disk::mount(instance.folder.join("data"));
    let log = if has_log_elsewhere { "--waldir=\"$DIR/log\"" } else { "" };
    instance.make("max_wal_size = 32MB\nmin_wal_size = 2MB", &format!("--wal-segsize=1 {log}"));
    let (server, mut load) = (server_on(&instance.url("lamp")), Load::new());
    let refusals = Arc::clone(&load.refusals);
    let before = refusals.load(Ordering::Relaxed);
    let (back, answers) = load.run(&[&server], || {
        std::thread::sleep(Duration::from_millis(500));
        // If the database takes the rest first, the disk is as full.
        instance.run(&format!(
            "head -c $(( ($(df --output=avail -k \"$DIR/data\" | tail -1) - {LEFT_KIB}) * 1024 )) \
             /dev/zero >\"$DIR/data/ballast\" || true"
        ));
        until("it says that it is not ready", Duration::from_mins(2), || !is_ready(&server));
        std::thread::sleep(Duration::from_secs(5));
        says_whose_disk_it_is(&server);
        until("pages are refused", ANSWER_MAX, || refusals.load(Ordering::Relaxed) > before);
        instance.run("rm \"$DIR/data/ballast\"");
        let begun = crate::harness::now();
        until("the database runs", BACK_MAX, || {
            // Without room for its log, it stops, and its service manager starts it again.
            instance.try_run(
                "\"$BIN/pg_ctl\" -D \"$DIR/data\" status || \"$BIN/pg_ctl\" -D \"$DIR/data\" \
                 -l \"$DIR/postgres.log\" -w -t 30 start",
            ) == 0
        });
        until("it is ready again", BACK_MAX, || is_ready(&server));
        let back = begun.elapsed();
        std::thread::sleep(Duration::from_millis(500));
        back
    });
    answers.check(ANSWER_MAX);
    assert!(answers.accepted > 0 && answers.refused > 0 && answers.broken == 0, "{answers:?}");
    println!("{name}: ready again {back:?} after there was room, {answers:?}");
    let said = instance.log();
    assert!(said.contains("No space left on device"), "the disk was full: {said}");
    load.finish(&server, &instance);
    assert_eq!(server.stop(), Some(0));
    drop(instance);
    drop(disk);
}

/// The disk that is full is that of the database.
fn says_whose_disk_it_is(server: &Server) {
    let refused = server.send(r#"[{"name":"refused","id":"never","properties":{}}]"#);
    assert_eq!((refused.status, refused.problem().as_str()), (503, "not_writable"));
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    assert!(refused.text.contains("the server cannot write to its database"), "{refused:?}");
    let ready = server.get("/readyz", &[]);
    assert!(ready.status == 503 && ready.text.contains("the database's disk"), "{ready:?}");
}

#[test]
#[ignore = "mounts a disk, as root: cargo xtask torture runs it"]
fn a_full_disk_of_a_database_refuses_payloads_until_there_is_room() {
    survive("a full disk", false);
}

#[test]
#[ignore = "mounts a disk, as root: cargo xtask torture runs it"]
fn a_full_disk_beside_that_of_the_log_refuses_payloads_until_there_is_room() {
    survive("a full disk beside the log's", true);
}
