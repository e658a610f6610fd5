//! Losses of every kind: the page names exactly those numbers.

use data_encoding::HEXLOWER;
use std::path::Path;

use lamplight_server::system::clock::{Clock, SystemClock};
use rusqlite::Connection;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::tab::{Tab, figure, ranges, told};
use crate::backup::{backed_up, lamplight, output};
use crate::console::visitor::Visitor;
use crate::harness::Server;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Moves the time when each producer was last heard from into the past.
pub(super) fn age(data: &Path, by_ms: i64) {
    let store = Connection::open(data.join("store.db")).unwrap();
    let sql = "UPDATE producers SET first_heard_ms = first_heard_ms - ?1, last_heard_ms = last_heard_ms - ?1";
    assert!(store.execute(sql, [by_ms]).unwrap() > 0);
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Sums over all producers, as the page shows them: made, arrived, in flight, declared, lost.
fn sums(visitor: &Visitor<'_>) -> [u64; 5] {
    let page = visitor.page("/producers");
    ["Made", "Arrived", "In flight", "Declared", "Lost"].map(|name| figure(&page, name))
}

#[test]
fn the_page_names_exactly_the_numbers_that_were_lost() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let mut whole = Tab::new(1);
    whole.make(30);
    whole.send_all(&server);
    let mut keys = Tab::new(2);
    keys.make(20);
    keys.lose_keys([4, 5, 9, 20]);
    keys.send_all(&server);
    let mut requests = Tab::new(3);
    requests.make(60);
    requests.send(&server, 1..=10);
    requests.send_to_nowhere(11..=30);
    requests.send(&server, 31..=59);
    requests.send_to_nowhere([60]);
    let mut full = Tab::new(4);
    full.make(12);
    full.drop_with("quota", 3, 7);
    full.drop_with("opted_out", 10, 10);
    full.send_all(&server);
    let mut both = Tab::new(5);
    both.make(9);
    both.drop_with("too_large", 2, 3);
    both.lose_keys([7]);
    both.send_all(&server);
    server.settled();

    let check = |visitor: &Visitor<'_>, missing: &str| {
        assert_eq!(told(visitor, &whole), ("Complete".into(), vec![]));
        let want = [("4–5", missing), ("9", missing), ("20", missing)];
        assert_eq!(told(visitor, &keys), (missing.into(), ranges(&want)));
        let want = [("11–30", missing), ("60", missing)];
        assert_eq!(told(visitor, &requests), (missing.into(), ranges(&want)));
        let want = [("3–7", "Declared"), ("10", "Declared")];
        assert_eq!(told(visitor, &full), ("Declared".into(), ranges(&want)));
        let want = [("2–3", "Declared"), ("7", missing)];
        assert_eq!(told(visitor, &both), (missing.into(), ranges(&want)));
    };
    let visitor = Visitor::admin(&server);
    check(&visitor, "In flight");
    assert_eq!(sums(&visitor), [131, 97, 26, 8, 0]);
    let page = visitor.page(&full.page());
    assert!(
        page.contains("5 because the browser&#39;s storage and memory were full")
            || page.contains("5 because the browser's storage and memory were full"),
        "{page}"
    );
    assert!(page.contains("1 because the user withdrew consent"), "{page}");
    assert_eq!(server.stop(), Some(0));

    age(dir.path(), 31 * DAY_MS);
    let server = Server::serve(dir.path());
    let visitor = Visitor::admin(&server);
    check(&visitor, "Lost");
    assert_eq!(sums(&visitor), [131, 97, 0, 8, 26]);
}

#[test]
fn payloads_that_were_deleted_before_processing_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let mut tab = Tab::new(1);
    tab.make(30);
    tab.send(&server, 1..=10);
    server.settled();
    // Nothing is processed while another program writes to the store.
    let mut store = Connection::open(dir.path().join("store.db")).unwrap();
    let writing =
        store.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    tab.send(&server, 11..=20);
    server.kill_9();
    drop(writing);
    drop(store);
    let intake = Connection::open(dir.path().join("intake.db")).unwrap();
    let deleted = intake
        .execute("DELETE FROM payloads WHERE position IN (SELECT position FROM payload_queue)", [])
        .unwrap();
    assert_eq!(deleted, 1);
    intake.execute("DELETE FROM payload_queue", []).unwrap();
    drop(intake);
    let server = Server::serve(dir.path());
    tab.send_all(&server);
    server.settled();
    let visitor = Visitor::admin(&server);
    assert_eq!(told(&visitor, &tab), ("In flight".into(), ranges(&[("11–20", "In flight")])));
    assert_eq!(sums(&visitor), [30, 20, 10, 0, 0]);
}

#[test]
fn a_restored_backup_misses_what_came_after_it() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::serve(dir.path());
    let (mut tab, mut quiet) = (Tab::new(1), Tab::new(2));
    tab.make(30);
    quiet.make(5);
    tab.send(&server, 1..=10);
    quiet.send_all(&server);
    server.settled();
    assert_eq!(server.stop(), Some(0));
    copy(dir.path(), kept.path());
    let server = Server::serve(dir.path());
    tab.send(&server, 11..=20);
    server.settled();
    assert_eq!(told(&Visitor::admin(&server), &tab).1, ranges(&[("21–30", "In flight")]));
    server.kill_9();
    let server = Server::serve(kept.path());
    tab.send_all(&server);
    server.settled();
    let visitor = Visitor::admin(&server);
    assert_eq!(told(&visitor, &tab), ("In flight".into(), ranges(&[("11–20", "In flight")])));
    assert_eq!(told(&visitor, &quiet), ("Complete".into(), vec![]));
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story")]
fn a_gap_that_a_restore_explains_is_told_from_all_others() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let server = Server::serve(&path("data"));
    let (mut tab, mut gone, mut quiet) = (Tab::new(1), Tab::new(2), Tab::new(3));
    for tab in [&mut tab, &mut gone, &mut quiet] {
        tab.make(10);
        tab.lose_keys([4]);
    }
    // Its last numbers are missing before the backup, and it is not heard from again.
    quiet.lose_keys([9, 10]);
    tab.send_all(&server);
    gone.send_all(&server);
    quiet.send_all(&server);
    server.settled();
    let backup = backed_up(&path("data"), &path("backups"));
    let mut late = Tab::new(4);
    late.make(3);
    late.send_all(&server);
    for tab in [&mut tab, &mut gone] {
        tab.make(7);
        tab.send_all(&server);
    }
    server.settled();
    assert!(restored_of(&server, &tab).is_empty(), "nothing was restored yet");
    server.kill_9();
    let (code, _, err) =
        output(lamplight(&["restore"], &[("--from", &backup), ("--data", &path("new"))]));
    assert_eq!(code, Some(0), "{err}");

    let server = Server::serve(&path("new"));
    let mut fresh = Tab::new(5);
    for tab in [&mut tab, &mut late, &mut fresh] {
        tab.make(5);
    }
    tab.lose_keys([20]);
    fresh.lose_keys([3]);
    tab.send_all(&server);
    late.send_all(&server);
    fresh.send_all(&server);
    server.settled();
    let visitor = Visitor::admin(&server);
    let holes = [("4", "In flight"), ("11–17", "In flight"), ("20", "In flight")];
    assert_eq!(told(&visitor, &tab), ("In flight".into(), ranges(&holes)));
    assert_eq!(restored_of(&server, &tab), [(11, 17)]);
    assert_eq!(restored_of(&server, &late), [(1, 3)]);
    for other in [&gone, &quiet, &fresh] {
        assert!(restored_of(&server, other).is_empty(), "{other:?}");
    }
    let page = visitor.page(&tab.page());
    let words = "What it had stored in between is missing, and was not lost by the browser.";
    let rows: Vec<&str> = page.split("<tr data-row>").skip(1).collect();
    assert_eq!(
        rows.iter().map(|row| row.contains(words)).collect::<Vec<_>>(),
        [false, true, false]
    );
    assert!(rows[1].contains("this server was restored on <time"), "{page}");
    let list = visitor.page("/producers");
    assert_eq!(list.matches(words).count(), 2, "{list}");
    assert!(list.contains("11–17 are missing where a backup ends"), "{list}");

    // A backup of what was restored remembers both restores.
    let second = backed_up(&path("new"), &path("backups"));
    tab.make(2);
    tab.send_all(&server);
    server.settled();
    server.kill_9();
    let (code, _, err) =
        output(lamplight(&["restore"], &[("--from", &second), ("--data", &path("newer"))]));
    assert_eq!(code, Some(0), "{err}");
    let server = Server::serve(&path("newer"));
    tab.make(1);
    tab.send_all(&server);
    server.settled();
    assert_eq!(restored_of(&server, &tab), [(11, 17), (23, 24)]);
    // Without the file, nobody knows.
    assert_eq!(server.stop(), Some(0));
    std::fs::write(path("newer").join("restored.json"), "{").unwrap();
    let server = Server::serve(&path("newer"));
    assert!(restored_of(&server, &tab).is_empty());
    assert!(server.log().contains("failed to read which backups were restored"));
}

/// The gaps that restores explain, as the API tells.
fn restored_of(server: &Server, tab: &Tab) -> Vec<(u64, u64)> {
    let page = server.read(&format!("/api/producers?producer={}", tab.producer)).json();
    let gaps = page["producers"][0]["restored"].as_array().cloned().unwrap_or_default();
    let now_ms = SystemClock.now_ms();
    for gap in &gaps {
        let (backup, restored) =
            (gap["backup"].as_i64().unwrap(), gap["restored"].as_i64().unwrap());
        assert!(now_ms - 60_000 < backup && backup <= restored && restored <= now_ms, "{gap}");
    }
    let number = |gap: &Value, at: usize| gap["numbers"][at].as_u64().unwrap();
    gaps.iter().map(|gap| (number(gap, 0), number(gap, 1))).collect()
}

#[test]
fn the_proof_has_every_number_and_a_checksum_of_its_second_line() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let (mut tab, mut other) = (Tab::new(1), Tab::new(2));
    tab.make(12);
    tab.drop_with("quota", 3, 4);
    tab.lose_keys([7, 11]);
    tab.send_all(&server);
    other.make(3);
    other.send_all(&server);
    server.settled();
    let visitor = Visitor::admin(&server);
    let reply = visitor.get("/api/producers/proof?source=web");
    assert_eq!(reply.status, 200, "{reply:?}");
    let name = reply.header("content-disposition").unwrap();
    assert!(name.starts_with("attachment; filename=\"lamplight-proof-2"), "{name}");
    let lines: Vec<&str> = reply.text.lines().collect();
    let hash = HEXLOWER.encode(&Sha256::digest(format!("{}\n", lines[1])));
    assert_eq!(lines[0], format!("{{\"sha256\":\"{hash}\",\"content\":"));
    let content: Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!((lines[2], lines.len()), ("}", 3));
    assert_eq!(content["equation"], "made 15 = received 11 + declared 2 + in flight 2 + lost 0");
    assert_eq!((&content["sums"]["producers"], &content["next"]), (&2.into(), &Value::Null));
    let proven = content["producers"].as_array().unwrap();
    let proven = proven.iter().find(|it| it["made"] == 12).unwrap();
    assert_eq!(proven["received_ranges"], serde_json::json!([[1, 2], [5, 6], [8, 10], [12, 12]]));
    assert_eq!(proven["missing_ranges"], serde_json::json!([[7, 7], [11, 11]]));
    let declared = serde_json::json!([{"reason": "quota", "ranges": [[3, 4]]}]);
    assert_eq!(proven["declared_ranges"], declared);
    let one = visitor.get(&format!("/api/producers/proof?producer={}", other.producer)).json();
    assert_eq!(one["content"]["sums"]["made"], 3);
    assert_eq!(visitor.get("/api/producers/proof?limit=1").problem(), "parameter_unknown");
}
