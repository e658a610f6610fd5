//! What a server says about its stream, and about settings that cannot work.

use super::cluster::Cluster;
use super::rig::{Rig, stream_of};
use crate::console::visitor::Visitor;
use crate::harness::postgres::free_port;
use crate::harness::{command, now};

/// What a server that does not start says.
fn refused(url: &str, database_url: Option<&str>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command("serve", folder.path());
    command.env("LAMPLIGHT_INTAKE_URL", url);
    if let Some(database_url) = database_url {
        command.env("LAMPLIGHT_DATABASE_URL", database_url);
    }
    let output = command.output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_stream_without_a_postgresql_database_is_refused_and_says_what_to_do() {
    let said = refused("nats://n1?monitor=http://n1:8222", None);
    assert!(
        said.contains("it puts payloads into a PostgreSQL database, and none is configured"),
        "{said}"
    );
    assert!(said.contains("Set `database_url`, or remove `intake_url`"), "{said}");
}

#[test]
fn a_server_says_what_is_wrong_with_its_intake_url_without_quoting_it() {
    let rig = Rig::on(Cluster::alone());
    let database_url = rig.instance.url("lamp");
    let said = refused("nats://u:hunter2@n1", Some(&database_url));
    assert!(said.contains("intake_url: the option monitor is missing"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let begun = now();
    let closed = format!("nats://u:hunter2@127.0.0.1:{}?monitor=http://127.0.0.1:1", free_port());
    let said = refused(&closed, Some(&database_url));
    assert!(said.contains("connect to the intake stream at nats://127.0.0.1:"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    assert!(begun.elapsed() < super::rig::BACK_MAX, "it does not wait forever");
}

#[test]
fn a_server_shows_its_stream_in_the_api_the_console_and_the_metrics() {
    let mut rig = Rig::on(Cluster::alone());
    let server = rig.server();
    let stream = stream_of(&server);
    assert_eq!((&stream["groups"], &stream["bytes"]), (&0.into(), &0.into()), "{stream}");
    assert_eq!(stream["bytes_max"], 1 << 28);
    rig.instance.stop("fast");
    assert!(rig.load.sends(&server), "{}", server.log());
    // The page of figures answers also while the database does not.
    let metrics = server.read("/metrics").text;
    let of = |name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name} is not in {metrics}"))
            .rsplit(' ')
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(of("lamplight_intake_stream_limit_bytes"), "268435456");
    assert_ne!(of("lamplight_intake_stream_groups"), "0");
    assert_ne!(of("lamplight_intake_stream_bytes"), "0");
    the_guide_lists_its_metrics(&metrics);
    rig.instance.up();
    rig.finish(&server);
    let page = Visitor::admin(&server).page("/queues");
    assert!(page.contains("Intake stream</span> 0 groups wait for the database, 0 B of"), "{page}");
    assert_eq!(server.stop(), Some(0));
}

/// The guide's table has the metrics of a stream and no other.
fn the_guide_lists_its_metrics(page: &str) {
    let kind = |name: &str| {
        let kind = page.lines().find_map(|line| line.strip_prefix(&format!("# TYPE {name} ")));
        kind.unwrap().to_owned()
    };
    let row = |line: &str| {
        let (name, help) = line.strip_prefix("# HELP ")?.split_once(' ')?;
        name.starts_with("lamplight_intake_stream")
            .then(|| format!("| `{name}` | {} | {help} |", kind(name)))
    };
    let wanted: Vec<String> = page.lines().filter_map(row).collect();
    let guide = super::guide::guide();
    let listed: Vec<&str> =
        guide.lines().filter(|line| line.starts_with("| `lamplight_intake_stream")).collect();
    assert_eq!(listed, wanted);
}
