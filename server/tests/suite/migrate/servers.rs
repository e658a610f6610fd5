//! Servers of both sides while everything moves.

use std::path::Path;

use lamplight_server::migrate::MigrateError;

use super::{Watched, database, directory, moved};
use crate::harness::postgres::TestDatabase;
use crate::harness::{self, Server};
use crate::kill::{Page, stored};

fn on_database(url: &str, data: &Path) -> Server {
    let mut command = harness::command("serve", data);
    command.env("LAMPLIGHT_DATABASE_URL", url);
    Server::start(command)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reached_either_server_is_stored_once() {
    let root = tempfile::tempdir().unwrap();
    let (data, elsewhere) = (root.path().join("data"), root.path().join("elsewhere"));
    let mut pages: Vec<Page> = (1..6).map(Page::new).collect();
    let old = Server::serve(&data);
    for _ in 0..5 {
        for page in &mut pages {
            assert!(page.send(&old, true));
        }
    }
    // Some wait in its queue, and are moved like that.
    old.kill_9();
    let target = TestDatabase::create().await;
    let (from, to) = (directory(&data), database(&target.url));
    let stopped = moved(from.clone(), to.clone(), &mut Watched::stopping_after(4)).await;
    assert!(matches!(stopped, Err(MigrateError::Stopped)), "{stopped:?}");

    let new = on_database(&target.url, &elsewhere);
    for page in &mut pages {
        // The answers of the old server got lost: they send everything again, and more.
        page.queue = (1..page.next).collect();
        for _ in 0..3 {
            assert!(page.send(&new, true), "the new server takes events");
        }
    }
    std::thread::sleep(std::time::Duration::from_millis(800));
    let totals = new.totals();
    assert_eq!(totals["stored"], 0, "nothing is processed before all ledgers are there: {totals}");
    assert!(totals["queue"]["depth"].as_u64().unwrap() >= 15, "{totals}");

    moved(from, to, &mut Watched::default()).await.unwrap();
    let totals = new.settled();
    let stored = stored(&new);
    let made: u64 = pages.iter().map(|page| page.next - 1).sum();
    assert_eq!(totals["made"], made, "{totals}");
    assert_eq!(stored.len() as u64, made);
    assert!(stored.values().all(|count| *count == 1), "an event is stored twice");
    assert_eq!((&totals["lost"], &totals["in_flight"]), (&0.into(), &0.into()), "{totals}");
    for page in &mut pages {
        assert!(page.send(&new, true), "it goes on");
    }
    assert_eq!(new.settled()["stored"], made + 5 * 7);
}
