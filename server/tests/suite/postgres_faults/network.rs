//! A network that is slow, swallows packets, or ends connections.

use std::time::Duration;

use super::instance::Instance;
use super::load::{Load, is_ready, until};
use super::proxy::Proxy;
use super::{rounds, server_on};

/// After this long, whoever sends a payload has an answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
const BACK_MAX: Duration = Duration::from_secs(12);

#[test]
fn a_database_far_away_is_slow_and_nothing_else() {
    let instance = Instance::start("");
    let proxy = Proxy::start(instance.port);
    let (server, mut load) = (server_on(&proxy.url("lamp")), Load::new());
    for delay in [50, 200, 500] {
        proxy.delay(Duration::from_millis(delay));
        let ((), answers) = load.run(&[&server], || {
            for _ in 0..rounds(1) {
                std::thread::sleep(Duration::from_secs(3));
                assert!(is_ready(&server), "{delay} ms: {}", server.log());
            }
        });
        answers.check(ANSWER_MAX);
        assert!(answers.accepted > 0 && answers.refused == 0, "{delay} ms: {answers:?}");
        println!("{delay} ms a round trip: {answers:?}");
    }
    proxy.delay(Duration::ZERO);
    load.finish(&server, &instance);
}

#[test]
fn a_network_that_swallows_everything_is_an_outage_that_ends_by_itself() {
    let instance = Instance::start("");
    let proxy = Proxy::start(instance.port);
    let (server, mut load) = (server_on(&proxy.url("lamp")), Load::new());
    for round in 0..rounds(2) {
        let (back, answers) = load.run(&[&server], || {
            std::thread::sleep(Duration::from_millis(500));
            proxy.swallow();
            until("it says that it is not ready", ANSWER_MAX, || !is_ready(&server));
            std::thread::sleep(Duration::from_secs(8));
            // Either the packets arrive in the end, or the connections are gone.
            if round % 2 == 1 {
                proxy.cut();
                std::thread::sleep(Duration::from_millis(300));
            }
            proxy.delay(Duration::ZERO);
            until("it is ready again", BACK_MAX, || is_ready(&server))
        });
        answers.check(ANSWER_MAX);
        assert!(answers.refused > 0 && answers.broken == 0, "{answers:?}");
        println!("swallowed: ready again after {back:?}, {answers:?}");
    }
    load.finish(&server, &instance);
    assert_eq!(server.stop(), Some(0));
}
