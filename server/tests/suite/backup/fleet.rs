//! A fleet of pages goes on while the server is backed up, destroyed and restored.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{backed_up, lamplight, output, violations};
use crate::harness::Server;
use crate::kill::{Page, stored};

/// Sends from all pages until `during` returns.
pub(super) fn under_load<T>(server: &Server, pages: &mut [Page], during: impl FnOnce() -> T) -> T {
    under_load_with(server, pages, Duration::ZERO, during)
}

/// Each page pauses after each payload.
fn under_load_with<T>(
    server: &Server,
    pages: &mut [Page],
    pause: Duration,
    during: impl FnOnce() -> T,
) -> T {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for page in pages {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    page.send(server, true);
                    std::thread::sleep(pause);
                }
            });
        }
        let done = during();
        stop.store(true, Ordering::Relaxed);
        done
    })
}

pub(super) fn restored(backup: &Path, data: &Path) {
    let paths = [("--from", backup), ("--data", data)];
    let (code, _, err) = output(lamplight(&["restore"], &paths));
    assert_eq!(code, Some(0), "{err}");
}

/// Everything that was made is stored once or is a hole, and nothing that arrived before the backup
/// is a hole. Returns how many holes there are.
pub(super) fn check_holes(server: &Server, pages: &mut [Page], before: &[BTreeSet<u64>]) -> u64 {
    for page in pages.iter_mut() {
        while !page.queue.is_empty() {
            assert!(page.send(server, false), "the server takes the rest of the queue");
        }
    }
    let totals = server.settled();
    let stored = stored(server);
    assert!(stored.values().all(|count| *count == 1), "an event is stored twice");
    let made: u64 = pages.iter().map(|page| page.next - 1).sum();
    let holes = totals["lost"].as_u64().unwrap() + totals["in_flight"].as_u64().unwrap();
    assert_eq!(totals["made"], made, "{totals}");
    assert_eq!(totals["stored"].as_u64().unwrap() + holes, made, "{totals}");
    for name in ["invalid", "declared"] {
        assert_eq!(totals[name], 0, "{totals}");
    }
    for (page, before) in pages.iter().zip(before) {
        let has = |seq: &u64| stored.contains_key(&(page.producer.to_string(), *seq));
        assert!(before.iter().all(has), "an event that arrived before the backup is gone");
    }
    holes
}

#[test]
fn a_fleet_goes_on_after_a_restore_and_what_was_lost_is_a_hole() {
    let root = tempfile::tempdir().unwrap();
    let (data, to) = (root.path().join("data"), root.path().join("backups"));
    let mut pages: Vec<Page> = (10..13).map(Page::new).collect();
    let server = Server::serve(&data);
    under_load(&server, &mut pages, || std::thread::sleep(Duration::from_millis(600)));
    let before: Vec<_> = pages.iter().map(|page| page.acknowledged.clone()).collect();
    let backup = under_load(&server, &mut pages, || {
        std::thread::sleep(Duration::from_millis(100));
        // The second one is incremental, and made under load, too.
        backed_up(&data, &to);
        backed_up(&data, &to)
    });
    under_load(&server, &mut pages, || std::thread::sleep(Duration::from_millis(600)));
    let acknowledged: usize = pages.iter().map(|page| page.acknowledged.len()).sum();
    server.kill_9();
    std::fs::remove_dir_all(&data).unwrap();

    restored(&backup, &data);
    assert_eq!(violations(&data), [""; 0]);
    let server = Server::serve(&data);
    // The pages know nothing of it.
    under_load(&server, &mut pages, || std::thread::sleep(Duration::from_millis(600)));
    let holes = check_holes(&server, &mut pages, &before);
    assert!(holes > 0 && holes < acknowledged as u64, "{holes} of {acknowledged} are lost");
    drop(server);
    assert_eq!(violations(&data), [""; 0]);
}

#[test]
fn every_backup_of_a_busy_server_is_whole_and_healthy() {
    let root = tempfile::tempdir().unwrap();
    let (data, to) = (root.path().join("data"), root.path().join("backups"));
    let mut pages: Vec<Page> = (20..24).map(Page::new).collect();
    let server = Server::serve(&data);
    for round in 0..4 {
        let before: Vec<_> = pages.iter().map(|page| page.acknowledged.clone()).collect();
        let backup = under_load(&server, &mut pages, || {
            std::thread::sleep(Duration::from_millis(100 + 70 * round));
            backed_up(&data, &to)
        });
        assert_eq!(violations(&backup), [""; 0], "round {round}");
        let (code, out, err) = output(lamplight(&["verify"], &[("--backup", &backup)]));
        assert_eq!((code, out.as_str()), (Some(0), ""), "{err}");
        // A client has lost its queue, so what was not in the backup stays lost.
        let restored_to = root.path().join(format!("restored-{round}"));
        restored(&backup, &restored_to);
        let second = Server::serve(&restored_to);
        second.settled();
        let stored = stored(&second);
        assert!(stored.values().all(|count| *count == 1));
        for (page, before) in pages.iter().zip(&before) {
            let has = |seq: &u64| stored.contains_key(&(page.producer.to_string(), *seq));
            assert!(before.iter().all(has), "an event that arrived before the backup is gone");
        }
    }
    // The directory of the running server, as of one moment, too. This check has the lowest
    // priority, and gives up when the server writes a gigabyte meanwhile.
    let verified = under_load_with(&server, &mut pages, Duration::from_millis(20), || {
        output(lamplight(&["verify"], &[("--data", &data)]))
    });
    assert_eq!((verified.0, verified.1.as_str()), (Some(0), ""), "{}", verified.2);
}
