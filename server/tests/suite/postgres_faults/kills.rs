//! Servers that are killed while others go on.

use std::time::Duration;

use super::instance::Instance;
use super::load::Load;
use super::{rounds, server_on};
use crate::harness::ending;

#[test]
fn one_of_two_servers_is_killed_under_load_and_everything_is_exact() {
    let instance = Instance::start("");
    let url = instance.url("lamp");
    let (survivor, mut load) = (server_on(&url), Load::new());
    let mut slowest = Duration::ZERO;
    for round in 0..rounds(4) {
        let victim = server_on(&url);
        let ((), answers) = load.run(&[&survivor, &victim], || {
            // A different moment in each round.
            std::thread::sleep(Duration::from_millis(150 + round * 67 % 250));
            ending::kill(victim.pid());
            std::thread::sleep(Duration::from_millis(200));
        });
        victim.kill_9();
        assert!(answers.accepted > 0 && answers.wrong.is_empty(), "{answers:?}");
        slowest = slowest.max(answers.slowest);
    }
    load.finish(&survivor, &instance);
    println!(
        "{} kills: {} events acknowledged, the slowest answer after {slowest:?}",
        rounds(4),
        load.acknowledged()
    );
    assert_eq!(survivor.stop(), Some(0));
}
