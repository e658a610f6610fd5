//! `verify --repair` makes counts by time again.

use std::path::Path;

use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{Counts, RetentionLimits, Week};
use rusqlite::{Connection, params};

use super::{lamplight, output};
use crate::store::sqlite::upgrade::server::{NOW, Server};
use crate::store::sqlite::upgrade::tallies::counted;

async fn fill(data: &Path) {
    let server = Server::open(data).unwrap();
    for week in 0..3 {
        server.stage(week * 100..week * 100 + 70, week * WEEK_MS).await;
        server.process(NOW).await;
    }
    server.close().await;
}

fn execute(data: &Path, sql: &str) {
    Connection::open(data.join("store.db")).unwrap().execute_batch(sql).unwrap();
}

/// Changes counts of a week that is kept.
fn count_more(data: &Path) {
    let connection = Connection::open(data.join("store.db")).unwrap();
    let mut find = connection.prepare("SELECT id, counts FROM tallies").unwrap();
    let rows: Vec<(i64, Vec<u8>)> = find
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let kept = lamplight_server::store::tally::TallyKind::Name.kept();
    for (tally, bytes) in rows {
        let mut counts = Counts::read(&bytes).unwrap();
        counts.add(NOW + 2 * WEEK_MS, 1, kept);
        connection
            .execute("UPDATE tallies SET counts = ?2 WHERE id = ?1", params![tally, counts.write()])
            .unwrap();
    }
}

fn verify(data: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    output(lamplight(&[&["verify"], arguments].concat(), &[("--data", data)]))
}

#[tokio::test]
async fn a_repair_counts_again_and_keeps_counts_of_removed_weeks() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    fill(data).await;
    let whole = counted(data).await;
    for damage in ["UPDATE totals SET tally_log = x''", "DELETE FROM tallies WHERE label = 'e1'"] {
        execute(data, damage);
        let (code, out, err) = verify(data, &[]);
        assert!(code != Some(0) && out.contains("tallies: store.db"), "{damage}: {out} {err}");
        let (code, out, err) = verify(data, &["--repair"]);
        assert_eq!((code, out.as_str()), (Some(0), ""), "{err}");
        assert!(err.contains("events again") && err.contains("counts were different"), "{err}");
        assert_eq!(counted(data).await, whole, "{damage}");
    }
    let server = Server::open(data).unwrap();
    let from_ms = Week::of_ms(NOW + WEEK_MS).from_ms();
    let keep = RetentionLimits {
        events_from_ms: Some(from_ms),
        events_bytes: None,
        ids_from_ms: from_ms,
        pending_from_ms: i64::MAX,
        now_ms: NOW + 3 * WEEK_MS,
    };
    while server.storage.events.prune(keep).await.unwrap().rows > 0 {}
    server.close().await;
    let pruned = counted(data).await;
    let totals = |lines: &[String]| -> Vec<String> {
        lines.iter().filter(|it| it.starts_with("web")).cloned().collect()
    };
    assert_eq!(totals(&pruned), totals(&whole), "counts stay");
    count_more(data);
    assert!(verify(data, &[]).1.contains("tallies: store.db"));
    assert_eq!(verify(data, &["--repair"]).0, Some(0));
    assert_eq!(totals(&counted(data).await), totals(&whole), "also those of removed weeks");
}

#[tokio::test]
async fn a_repair_is_refused_while_a_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path()).await;
    let held = lamplight_server::system::data_dir::DataDir::open_existing(folder.path()).unwrap();
    let (code, out, err) = verify(folder.path(), &["--repair"]);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    drop(held);
    assert_eq!(verify(folder.path(), &["--repair"]).0, Some(0));
}
