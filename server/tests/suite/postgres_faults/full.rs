//! A disk that is full. A limit on the size of files stands for it: PostgreSQL cannot extend a file
//! either way, and a limit needs neither a disk of its own nor the rights to make one.

use std::time::Duration;

use super::instance::Instance;
use super::load::{Load, is_ready, until};
use super::server_on;

/// After this long, whoever sends a payload has an answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
const BACK_MAX: Duration = Duration::from_secs(12);
/// The limit, in blocks of 512 bytes, as the shell counts: more than a segment of the log has.
const BLOCKS: u32 = (3 << 20) / 512;

#[test]
fn a_database_whose_disk_is_full_refuses_payloads_and_goes_on_when_it_is_not() {
    let mut instance = Instance::with_small_segments();
    let (server, mut load) = (server_on(&instance.url("lamp")), Load::new());
    instance.stop("fast");
    instance.run(&format!("ulimit -S -f {BLOCKS}"));
    instance.up();
    until("it is ready again", BACK_MAX, || is_ready(&server));
    let ((), answers) = load.run(&[&server], || {
        until("the disk is full", Duration::from_mins(2), || {
            instance.log().contains("could not extend file")
        });
        std::thread::sleep(Duration::from_secs(8));
    });
    answers.check(ANSWER_MAX);
    println!("full: {answers:?}");
    instance.stop("fast");
    instance.run("ulimit -S -f unlimited");
    instance.up();
    until("it is ready again", BACK_MAX, || is_ready(&server));
    load.finish(&server, &instance);
    assert_eq!(server.stop(), Some(0));
}
