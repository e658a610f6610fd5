//! Crashes and power cuts while the files of events of an earlier version are upgraded.

use std::path::Path;

use lamplight_faulty_disk::Disk;
use lamplight_server::store::Database;
use lamplight_server::store::WriterLimits;
use lamplight_server::store::sqlite::SqliteStore;

use crate::store::sqlite::runs::checker;
use crate::store::sqlite::upgrade::older::{by_hand, events_files, steps, weeks};
use crate::store::sqlite::upgrade::{fill_weeks, leave_all};

/// The number of operations at which an upgrade is interrupted.
const CUTS: u64 = 10;

fn open(folder: &Path) -> Option<SqliteStore> {
    SqliteStore::open(&folder.join("store.db"), WriterLimits::default(), Vec::new()).ok()
}

/// Starts on `folder` until the disk fails after `cut_after` operations. Gives how many were done.
async fn start(folder: &Path, cut_after: u64) -> (Disk, u64) {
    let disk = Disk::watch(folder).unwrap();
    disk.cut_after(cut_after);
    if let Some(store) = open(folder) {
        let _ = store.close().await;
    }
    let operations = disk.operations();
    (disk, operations)
}

#[tokio::test]
async fn an_interrupted_upgrade_continues_at_the_next_start() {
    let root = tempfile::tempdir().unwrap();
    let folder = |name: String| {
        let folder = root.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        folder
    };
    let today = folder("today".into());
    fill_weeks(&today).await;
    let runs = checker::count(&today);
    let older = |name: String| {
        let older = folder(name);
        leave_all(&today, &older, steps("intake").len(), 4);
        older
    };
    let (_disk, operations) = start(&older("whole".into()), u64::MAX >> 1).await;
    assert!(operations > 2 * CUTS, "{operations} operations");
    for cut in 0..CUTS {
        let (disk, _) = start(&older(format!("cut {cut}")), cut * operations / CUTS).await;
        assert!(disk.is_cut());
        let left = folder(format!("left {cut}"));
        match cut % 2 {
            0 => disk.after_kill(&left).unwrap(),
            _ => disk.after_power_cut(cut, &left).unwrap(),
        }
        let store = open(&left).unwrap();
        assert_eq!(checker::faults(&left), [""; 0], "{cut}");
        assert_eq!(checker::count(&left), runs, "{cut}");
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn an_upgrade_creates_no_missing_file_and_changes_no_upgraded_one() {
    let dir = tempfile::tempdir().unwrap();
    fill_weeks(dir.path()).await;
    let store = dir.path().join("store.db");
    let runs = checker::count(dir.path());
    by_hand(&store, "UPDATE weeks SET schema = 1");
    let files = events_files(dir.path());
    assert_eq!(weeks(&store)[0], "sealed");
    std::fs::rename(&files[0], dir.path().join("elsewhere")).unwrap();
    open(dir.path()).unwrap().close().await.unwrap();
    assert!(!files[0].exists());
    std::fs::rename(dir.path().join("elsewhere"), &files[0]).unwrap();
    assert_eq!((checker::faults(dir.path()), checker::count(dir.path())), (Vec::new(), runs));
}
