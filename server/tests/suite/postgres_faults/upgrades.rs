//! Servers that run while a newer version changes the schema, and that are started again then.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use refinery::Migration;

use super::instance::Instance;
use super::load::{Load, until};
use super::serve_on;
use super::starting::refused;
use crate::harness::Server;
use crate::store::postgres::upgrade::newer::{migrate, step, steps};

/// What a newer version adds that servers of this one need not know. It locks tables that they use
/// all the time.
const ADDED: &str = "ALTER TABLE events ADD COLUMN more text;
     ALTER TABLE totals ADD COLUMN more bigint NOT NULL DEFAULT 0;
     CREATE INDEX payload_queue_more ON payload_queue (received_ms)";
const ANSWER_MAX: Duration = Duration::from_secs(40);

/// Starts a server that delivers every event to a file of its own.
fn start(url: &str, folder: &Path, name: &str) -> Server {
    let (file, config) =
        (folder.join(format!("{name}.ndjson")), folder.join(format!("{name}.toml")));
    let sink = format!("[sinks.archive]\nkind = 'file'\npath = '{}'", file.display());
    std::fs::write(&config, sink).unwrap();
    let mut command = serve_on(url, &folder.join("data"));
    command.arg("--config").arg(&config);
    Server::start(command)
}

/// Makes these steps on the database of an instance.
fn upgrade(instance: &Instance, more: &[Migration]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = instance.url("lamp");
        let (mut client, connection) =
            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        migrate(&mut client, more).await;
    });
}

#[test]
fn servers_go_on_and_start_again_while_a_newer_version_changes_the_schema() {
    let known = steps().len();
    let added = step(1, ADDED, Some(known));
    let changed = step(2, "CREATE TABLE other (id bigint PRIMARY KEY)", Some(known + 2));
    let instance = Instance::start("");
    let url = instance.url("lamp");
    let folder = tempfile::tempdir().unwrap();
    let start = |name| start(&url, folder.path(), name);
    let (first, second, mut load) = (start("first"), start("second"), Load::new());
    let stored = || instance.sql("lamp", "SELECT count(*) FROM lamplight.events");
    let more = |than: &str| {
        let than: u64 = than.parse().unwrap();
        until("events are stored", Duration::from_secs(30), || {
            stored().parse::<u64>().unwrap() > than + 200
        });
    };

    // Both go on while the schema changes and after that.
    let ((), answers) = load.run(&[&first, &second], || {
        more("0");
        upgrade(&instance, std::slice::from_ref(&added));
        more(&stored());
    });
    answers.check(ANSWER_MAX);
    assert_eq!(answers.broken, 0, "{answers:?}");

    // One is started again, as by a rolling restart.
    assert_eq!(second.stop(), Some(0));
    let second = start("second");
    let log = second.log();
    let found = format!("the database has schema {}", known + 1);
    assert!(log.contains(&found) && log.contains("it still works with it"), "{log}");
    let ((), answers) = load.run(&[&first, &second], || more(&stored()));
    answers.check(ANSWER_MAX);
    assert_eq!(answers.broken, 0, "{answers:?}");

    // A step says that this version cannot start any more. Servers that run lose nothing.
    let ((), answers) = load.run(&[&first, &second], || {
        upgrade(&instance, &[added, changed]);
        more(&stored());
    });
    answers.check(ANSWER_MAX);
    assert_eq!(second.stop(), Some(0));
    let error = refused(&url);
    let found = format!("use the database: it has schema {}", known + 2);
    assert!(
        error.contains(&found) && error.contains("cannot work with it: start the version"),
        "{error}"
    );
    // Who counts again is of this version, too.
    instance.sql("lamp", "UPDATE lamplight.compatibility SET oldest = 1");
    load.finish(&first, &instance);
    let waiting = "SELECT count(*) FROM lamplight.delivery_queue";
    until("everything is delivered", Duration::from_mins(1), || {
        instance.sql("lamp", waiting) == "0"
    });
    let archives = ["first", "second"]
        .map(|name| std::fs::read_to_string(folder.path().join(format!("{name}.ndjson"))).unwrap());
    let delivered: Vec<&str> = archives.iter().flat_map(|archive| archive.lines()).collect();
    let once: BTreeSet<&str> = delivered.iter().copied().collect();
    assert_eq!((once.len(), stored()), (delivered.len(), delivered.len().to_string()));
}
