//! The metrics while a disk fails, and when the databases cannot be read.

use std::time::Duration;

use lamplight_faulty_disk::Disk;
use lamplight_server::store::WriterLimits;

use super::rig::samples;
use crate::harness::{ADMIN_TOKEN, agent, now, reply};
use crate::http::faults::Inside;

/// The page of a server in this process.
fn page(server: &Inside) -> String {
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let url = format!("{}/metrics", server.url);
    let reply = reply(agent().get(url).header("authorization", bearer).call().unwrap());
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.text
}

/// The value of a sample, as text.
fn value(page: &str, sample: &str) -> String {
    samples(page).get(sample).copied().unwrap_or("missing").to_owned()
}

#[test]
fn metrics_show_a_disk_that_fails_and_one_that_works_again() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::watch(dir.path()).unwrap();
    let folder = dir.path().canonicalize().unwrap();
    let server = Inside::start(&folder, WriterLimits::default());
    let up = "lamplight_database_up{database=\"payloads\"}";
    let failures = "lamplight_writer_failures_total{database=\"payloads\"}";
    let all = |page: &str| [up, "lamplight_ready", failures].map(|it| value(page, it));
    assert_eq!(all(&page(&server)), ["1", "1", "0"]);
    disk.cut();
    assert_eq!(server.send(r#"[{"name":"refused"}]"#).status, 503);
    assert_eq!(all(&page(&server)), ["0", "0", "1"]);
    disk.restore();
    let begun = now();
    while all(&page(&server)) != ["1", "1", "1"] {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", page(&server));
        std::thread::sleep(Duration::from_millis(20));
    }
    let accepted = "lamplight_intake_payloads_total";
    assert_eq!(value(&page(&server), accepted), "0", "the refused payload does not count");
    assert_eq!(server.send(r#"[{"name":"after"}]"#).status, 200);
    assert_eq!(value(&page(&server), accepted), "1");
}

#[test]
fn metrics_show_what_is_known_when_the_databases_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let server = Inside::start(dir.path(), WriterLimits::default());
    assert_eq!(server.send(r#"[{"name":"before"}]"#).status, 200);
    assert_eq!(value(&page(&server), "lamplight_unread_figures"), "0");
    server.runtime.block_on(server.app.storage.close()).unwrap();
    let page = page(&server);
    assert_eq!(value(&page, "lamplight_unread_figures"), "5", "{page}");
    assert_eq!(value(&page, "lamplight_intake_events_total"), "1");
    assert_ne!(value(&page, "lamplight_data_directory_bytes"), "missing");
    assert!(!page.contains("lamplight_events_stored"), "no number is better than a wrong one");
}
