//! A shard that is down when the server starts, behind the stream.

use std::time::Duration;

use serde_json::{Value, json};

use super::cluster::Cluster;
use super::rig::stream_of;
use crate::harness::Server;
use crate::postgres_faults::absent_shard::{finish, number_of};
use crate::postgres_faults::instance::Instance;
use crate::postgres_faults::load::{Load, until};
use crate::postgres_faults::serve_on;
use crate::postgres_faults::shards::{ANSWER_MAX, BACK_MAX, check_database, partial};

#[test]
fn payloads_wait_in_the_stream_for_a_database_that_is_down_from_the_start() {
    let (cluster, one, two) = (Cluster::alone(), Instance::start(""), Instance::start(""));
    let urls = format!("{} {}", one.url("lamp"), two.url("lamp"));
    let start = || {
        let mut command = serve_on(&urls, &std::env::temp_dir().join("lamplight-no-data"));
        command.env("LAMPLIGHT_INTAKE_URL", cluster.url(""));
        Server::start(command)
    };
    assert_eq!(start().stop(), Some(0));
    let mut by_number = [one, two];
    by_number.sort_by_key(number_of);
    let [one, mut two] = by_number;
    two.stop("fast");
    let (server, mut load) = (start(), Load::new());
    let ((), answers) = load.run(&[&server], || std::thread::sleep(Duration::from_secs(2)));
    answers.check(ANSWER_MAX);
    assert_eq!((answers.refused, answers.broken), (0, 0), "{answers:?}");
    assert_eq!(partial(&server), json!([2]));
    until("groups wait", BACK_MAX, || stream_of(&server)["groups"].as_u64() > Some(0));
    two.up();
    until("it is there", BACK_MAX, || partial(&server) == Value::Null);
    load.send_rest(&server);
    until("the stream is empty", Duration::from_mins(3), || stream_of(&server)["groups"] == 0);
    finish(&server, &mut load, &[&one, &two]);
    assert_eq!(server.stop(), Some(0));
    for instance in [&one, &two] {
        check_database(instance);
    }
}
