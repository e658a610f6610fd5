//! Outages of sinks, from minutes to days, in virtual time: a failing sink costs no event anything
//! except time, and an event that fails by itself blocks no other.

mod million;
mod model_queue;
mod receiver;
mod rig;

use lamplight_server::store::{DeliveryState, LOG_STEPS_MAX};

use crate::store::machine::{Machine, on_disk};
use crate::store::memory::in_memory;
use receiver::POISON;
use rig::OutageRig;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// How long everything that waits may take after a sink recovers: the longest pause, and a little.
const RECOVERY_MS: i64 = 2 * MINUTE_MS;

/// Runs a test in virtual time.
fn simulate(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true).build().unwrap().block_on(test);
}

#[test]
fn an_outage_of_minutes_to_days_loses_no_event_however_few_wait() {
    for (outage_ms, waiting) in
        [(8 * MINUTE_MS, 1), (5 * HOUR_MS, 1), (5 * HOUR_MS, 250), (71 * HOUR_MS, 1)]
    {
        for seed in 1..=3 {
            simulate(async {
                let mut rig = OutageRig::new(in_memory(), seed);
                rig.set_down(outage_ms);
                let ids = rig.add(&vec!["a"; waiting]).await;
                rig.run(outage_ms).await;
                let waiting = waiting as u64;
                assert_eq!(rig.counts().await, (waiting, 0, 0), "{outage_ms}, seed {seed}");
                check_probes(&rig, outage_ms);
                rig.run(RECOVERY_MS).await;
                assert_eq!(rig.counts().await, (0, waiting, 0), "{outage_ms}, seed {seed}");
                for id in ids {
                    check_log(&rig.steps(id).await);
                }
            });
        }
    }
}

/// Checks that a sink that is down gets few requests, and never two in quick succession.
fn check_probes(rig: &OutageRig, outage_ms: i64) {
    let requests = rig.receiver.received().requests.clone();
    let closest = requests.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap_or(i64::MAX);
    assert!(closest >= 2_000, "two requests within {closest} ms");
    let most = outage_ms / 20_000 + 20;
    assert!(i64::try_from(requests.len()).unwrap() <= most, "{} requests", requests.len());
    assert!(requests.len() > 5, "too few to tell: {requests:?}");
}

/// Checks that the log of a delivery stays short and shows how it ended.
fn check_log(steps: &[lamplight_server::store::DeliveryStep]) {
    assert!(steps.len() <= LOG_STEPS_MAX as usize + 1, "{} steps", steps.len());
    assert_eq!(steps.last().map(|step| step.state), Some(DeliveryState::Sent));
    assert!(steps.windows(2).all(|pair| pair[0].at_ms <= pair[1].at_ms));
}

#[test]
fn after_the_horizon_an_event_is_given_up_and_can_be_retried() {
    simulate(async {
        let mut rig = OutageRig::new(in_memory(), 1);
        rig.set_down(100 * HOUR_MS);
        rig.add(&["a"]).await;
        rig.run(72 * HOUR_MS - MINUTE_MS).await;
        assert_eq!(rig.counts().await, (1, 0, 0));
        rig.run(5 * MINUTE_MS).await;
        assert_eq!(rig.counts().await, (0, 0, 1));
        assert_eq!(rig.retry_dead().await, 1);
        rig.run(40 * HOUR_MS).await;
        assert_eq!(rig.counts().await, (0, 1, 0));
    });
}

#[test]
fn a_backlog_older_than_the_horizon_survives_short_failures() {
    simulate(async {
        let mut rig = OutageRig::new(in_memory(), 1);
        rig.pause(true).await;
        for _ in 0..10 {
            rig.add(&["a"; 200]).await;
        }
        rig.wait(100 * HOUR_MS).await;
        rig.receiver.received().unreliable_percent = 30;
        rig.pause(false).await;
        rig.run(HOUR_MS).await;
        assert_eq!(rig.counts().await, (0, 2_000, 0));
    });
}

#[test]
fn time_in_which_a_sink_is_paused_costs_no_event() {
    simulate(async {
        let mut rig = OutageRig::new(in_memory(), 1);
        rig.set_down(101 * HOUR_MS);
        rig.add(&["a"; 3]).await;
        rig.run(HOUR_MS / 2).await;
        rig.pause(true).await;
        rig.run(100 * HOUR_MS).await;
        rig.pause(false).await;
        rig.run(HOUR_MS).await;
        assert_eq!(rig.counts().await, (0, 3, 0));
    });
}

#[test]
fn time_in_which_a_sink_is_stopped_costs_no_event() {
    for (restarts, machine) in [(true, in_memory()), (false, in_memory()), (true, on_disk())] {
        simulate(async {
            let mut rig = OutageRig::new(machine, 1);
            let begun_ms = rig.now_ms();
            rig.set_down(HOUR_MS / 2);
            rig.receiver.received().locked.push(begun_ms + HOUR_MS / 2..begun_ms + 100 * HOUR_MS);
            rig.receiver.received().down.push(begun_ms + 100 * HOUR_MS..begun_ms + 101 * HOUR_MS);
            rig.add(&["a"; 3]).await;
            rig.run(HOUR_MS).await;
            assert!(rig.row().await.stopped.is_some());
            rig.wait(99 * HOUR_MS).await;
            if restarts {
                rig.restart().await;
            } else {
                rig.pause(false).await;
            }
            rig.run(HOUR_MS / 2).await;
            assert_eq!(rig.counts().await, (3, 0, 0));
            rig.run(HOUR_MS).await;
            assert_eq!(rig.counts().await, (0, 3, 0));
        });
    }
}

/// Lets three poison events arrive among others, and one more event each minute. Gives when each
/// of those came and was accepted.
async fn poisoned(rig: &mut OutageRig, minutes: usize, restarts: bool) -> Vec<(i64, i64)> {
    let mut names = vec!["a"; 297];
    for at in [5, 100, 101] {
        names.insert(at, POISON);
    }
    rig.add(&names).await;
    let mut added = Vec::new();
    for minute in 0..minutes {
        added.push((rig.now_ms(), rig.add(&["later"]).await[0].to_string()));
        rig.run(MINUTE_MS).await;
        if restarts && minute % 7 == 0 {
            rig.restart().await;
        }
    }
    rig.run(RECOVERY_MS).await;
    let accepted = rig.receiver.received().accepted.clone();
    let at = |(came_ms, id): &(i64, String)| (*came_ms, accepted.get(id).copied().unwrap());
    added.iter().map(at).collect()
}

#[test]
fn an_event_that_fails_by_itself_blocks_no_other_and_is_given_up_alone() {
    for seed in 1..=5 {
        simulate(async {
            let mut rig = OutageRig::new(in_memory(), seed);
            let times = poisoned(&mut rig, 120, false).await;
            assert_eq!(rig.counts().await, (0, 297 + 120, 3), "seed {seed}");
            let slow = times[30..].iter().filter(|(came, sent)| sent - came > 2 * MINUTE_MS);
            assert_eq!(slow.count(), 0, "once isolated, poison delays nothing: {times:?}");
        });
    }
}

#[test]
fn an_outage_and_restarts_among_poison_give_up_no_other_event() {
    let machines: [fn() -> Box<dyn Machine>; 2] = [in_memory, on_disk];
    for machine in machines {
        simulate(async {
            let mut rig = OutageRig::new(machine(), 7);
            // On a disk each look at the queue takes a while.
            rig.poll_ms = 10_000;
            let now_ms = rig.now_ms();
            rig.receiver.received().down = vec![
                now_ms + 5 * MINUTE_MS..now_ms + 12 * MINUTE_MS,
                now_ms + 20 * MINUTE_MS..now_ms + 30 * MINUTE_MS,
            ];
            let times = poisoned(&mut rig, 75, true).await;
            assert_eq!(rig.counts().await, (0, 297 + 75, 3), "{times:?}");
        });
    }
}

#[test]
fn without_evidence_that_the_sink_responds_poison_is_kept_and_delays_others_little() {
    simulate(async {
        let mut rig = OutageRig::new(in_memory(), 3);
        rig.add(&[POISON; 4]).await;
        rig.run(10 * HOUR_MS).await;
        assert_eq!(rig.counts().await, (4, 0, 0), "nothing tells it from an outage");
        rig.add(&["a"]).await;
        rig.run(2 * RECOVERY_MS).await;
        assert_eq!(rig.counts().await, (4, 1, 0));
        for _ in 0..100 {
            rig.add(&["a"]).await;
            rig.run(MINUTE_MS).await;
        }
        rig.run(RECOVERY_MS).await;
        assert_eq!(rig.counts().await, (0, 101, 4));
    });
}
