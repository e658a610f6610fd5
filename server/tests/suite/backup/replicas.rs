//! Replicas of single files that are of different moments: what `verify` says, what `replay`
//! restores, and that nothing is stored twice.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fleet::{check_holes, under_load};
use super::{lamplight, output, violations};
use crate::harness::Server;
use crate::kill::{Page, stored};

fn events_file(data: &Path) -> PathBuf {
    let entries = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    let mut files = entries.filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.strip_prefix("events-").is_some_and(|rest| rest.strip_suffix(".db").is_some())
    });
    files.next().unwrap()
}

/// Copies each file at another moment, each as SQLite would: consistent in itself.
fn replicate(server: &Server, data: &Path, pages: &mut [Page], order: [&str; 3]) -> PathBuf {
    let to = data.with_file_name(format!("replica-{}", order.join("-")));
    std::fs::create_dir(&to).unwrap();
    for name in order {
        let path = if name == "events" { events_file(data) } else { data.join(name) };
        let copy = to.join(path.file_name().unwrap());
        under_load(server, pages, || {
            std::thread::sleep(Duration::from_millis(300));
            let connection = rusqlite::Connection::open(&path).unwrap();
            connection.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
        });
        server.settled();
    }
    to
}

fn checks(folder: &Path) -> BTreeSet<String> {
    let lines = violations(folder).into_iter();
    lines.map(|line| line.split(':').next().unwrap().to_owned()).collect()
}

struct Fleet {
    _root: tempfile::TempDir,
    data: PathBuf,
    server: Server,
    pages: Vec<Page>,
}

fn fleet() -> Fleet {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let server = Server::serve(&data);
    let mut pages: Vec<Page> = (40..42).map(Page::new).collect();
    under_load(&server, &mut pages, || std::thread::sleep(Duration::from_millis(400)));
    server.settled();
    Fleet { _root: root, data, server, pages }
}

/// `store.db` knows events that its week's file does not have. Their payloads have them.
#[test]
fn replay_restores_events_that_a_replica_of_a_week_does_not_have() {
    let Fleet { _root, data, server, mut pages } = fleet();
    let order = ["events", "store.db", "intake.db"];
    let replica = replicate(&server, &data, &mut pages, order);
    drop(server);
    let found = checks(&replica);
    for check in ["week-events", "marks", "ledgers"] {
        assert!(found.contains(check), "{found:?}");
    }
    let span = ["replay", "--from", "0", "--to", "2100-01-01T00:00:00Z"];
    let (code, out, err) = output(lamplight(&span, &[("--data", &replica)]));
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("restored"), "{out}");
    // intake.db is newer than store.db, which no replay repairs: these payloads count as settled,
    // and no mark says so.
    assert_eq!(checks(&replica), BTreeSet::from(["settled".to_owned()]));
    let server = Server::serve(&replica);
    let nothing = vec![BTreeSet::new(); pages.len()];
    // The pages continue, which shows what is missing before.
    assert!(pages.iter_mut().all(|page| page.send(&server, true)));
    assert!(check_holes(&server, &mut pages, &nothing) > 0, "they show as holes");
}

/// The order in which a backup reads: what is older is only missing.
#[test]
fn replicas_in_the_order_of_a_backup_lose_only_what_came_after() {
    let Fleet { _root, data, server, mut pages } = fleet();
    let before: Vec<_> = pages.iter().map(|page| page.acknowledged.clone()).collect();
    let replica = replicate(&server, &data, &mut pages, ["intake.db", "events", "store.db"]);
    drop(server);
    assert!(checks(&replica).contains("week-events"), "the week is older than store.db");
    assert!(!checks(&replica).contains("settled"));
    let server = Server::serve(&replica);
    server.settled();
    let stored = stored(&server);
    assert!(stored.values().all(|count| *count == 1));
    for (page, before) in pages.iter().zip(&before) {
        let has = |seq: &u64| stored.contains_key(&(page.producer.to_string(), *seq));
        assert!(before.iter().all(has), "what every file has is there");
    }
}

/// A week's file has rows that `store.db` does not know. Nothing is stored twice.
#[test]
fn a_replica_of_a_week_that_is_newer_is_reported_and_doubles_nothing() {
    let Fleet { _root, data, server, mut pages } = fleet();
    let replica = replicate(&server, &data, &mut pages, ["intake.db", "store.db", "events"]);
    drop(server);
    let found = checks(&replica);
    for check in ["week-events", "marks", "ledgers"] {
        assert!(found.contains(check), "{found:?}");
    }
    let server = Server::serve(&replica);
    // Pages that did not see the answers send again what only the week has.
    let week = rusqlite::Connection::open(events_file(&replica)).unwrap();
    for page in &mut pages {
        let sql = "SELECT max(seq) FROM events WHERE producer = ?1";
        let producer = page.producer.bits().to_be_bytes();
        let last: u64 = week.query_row(sql, [producer], |row| row.get(0)).unwrap();
        page.queue = (last - 19..=last).collect();
        assert!(page.send(&server, false));
    }
    std::thread::sleep(Duration::from_secs(3));
    let totals = server.totals();
    println!("{totals}");
    assert!(stored(&server).values().all(|count| *count == 1), "an event is stored twice");
    assert!(totals["queue"]["failing"].as_u64().unwrap() > 0, "they wait: {totals}");
}
