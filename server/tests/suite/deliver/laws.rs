//! The end of a simulation: everything recovers, and the laws are checked.

use std::ops::RangeInclusive;

use lamplight_server::store::{DeliveryState, DeliveryStep, SinkRow};

use crate::deliver::event::{DEAD, EventCase, METRICS, SINKS};
use crate::deliver::faults::Reliability;
use crate::deliver::gates::wait;
use crate::deliver::recorder::Owed;
use crate::deliver::simulation::Simulation;

/// Rounds of all lanes after which no delivery may be waiting.
const ROUNDS_MAX: u32 = 400;

impl Simulation {
    /// Everything recovers, the dead sink last. All deliveries are made, and a replay changes
    /// nothing.
    pub(crate) async fn recover_all(&mut self) {
        self.shared.recorder().store_fails = false;
        for sink in SINKS {
            self.set_reliability(
                sink,
                if sink == DEAD { Reliability::Down } else { Reliability::Healthy },
            );
        }
        // A scheduled crash happens now.
        self.crash();
        let others = [SINKS[0], SINKS[1], METRICS];
        self.resume_all();
        self.retry_dead();
        self.settle(&others).await;
        if self.row(DEAD).sent > 0 || self.row(DEAD).dead > 0 {
            self.shared.recorder().violation(format!("a dead sink settled: {:?}", self.row(DEAD)));
        }
        // Twice, so that a replay stores what became valid.
        for _ in 0..2 {
            self.replay(0, self.payloads.len());
        }
        self.set_reliability(DEAD, Reliability::Healthy);
        self.resume_all();
        self.settle(&SINKS).await;
        let taken = self.shared.recorder().taken_in_all();
        self.replay(0, self.payloads.len());
        self.settle(&SINKS).await;
        if self.shared.recorder().taken_in_all() != taken {
            self.shared.recorder().violation("a replay delivered something twice".into());
        }
    }

    /// Runs until nothing waits for these sinks. The lanes of the others pass a gate now and then.
    async fn settle(&mut self, sinks: &[&'static str]) {
        for _ in 0..ROUNDS_MAX {
            for at in 0..self.lanes.len() {
                let is_free =
                    self.lanes.get(at).is_some_and(|running| sinks.contains(&running.sink));
                self.go(at, if is_free { 60 } else { 1 }).await;
            }
            if sinks.iter().all(|sink| self.row(sink).waiting == 0) {
                return;
            }
            self.sleep(20_000).await;
        }
        let rows: Vec<SinkRow> = sinks.iter().map(|sink| self.row(sink)).collect();
        self.shared.recorder().violation(format!("work is left that nothing finishes: {rows:?}"));
    }

    fn resume_all(&mut self) {
        let now_ms = self.now_ms();
        for sink in SINKS {
            wait(self.storage().delivery_queue.pause_sink(sink.into(), false, now_ms)).unwrap();
            self.shared.recorder().set_paused(sink, false);
        }
    }

    fn row(&self, sink: &str) -> SinkRow {
        let rows = wait(self.storage().delivery_queue.sinks()).unwrap();
        rows.into_iter().find(|row| row.name == sink).unwrap()
    }

    /// Checks that every event ended correctly, and that its timeline shows what happened.
    pub(crate) fn check(&self) {
        let mut kept = [[0; 5]; SINKS.len()];
        let mut gone = [(0, 0); SINKS.len()];
        let (events, deleted) = {
            let recorder = self.shared.recorder();
            (recorder.events.clone(), recorder.gone.clone())
        };
        for (id, case) in events {
            let steps = wait(self.storage().delivery_queue.steps(id)).unwrap();
            for (at, sink) in SINKS.into_iter().enumerate() {
                let of_sink: Vec<_> = steps.iter().filter(|step| step.sink == sink).collect();
                let times = self.shared.recorder().times((sink, id));
                let is_deleted = deleted.contains(&id);
                let summary = if is_deleted {
                    // Some of these were never stored, because no replay came in time.
                    let is_routed = case.is_routed(sink);
                    gone[at].0 += u64::from(is_routed && case != EventCase::Later);
                    gone[at].1 += u64::from(is_routed);
                    check_ending_of_deleted(times, &of_sink)
                } else {
                    self.check_remembered((sink, id), &of_sink);
                    check_ending(case, sink, times, &of_sink)
                };
                if let Err(what) = summary {
                    let violation = format!("{sink}, {id}, {case:?}: {what}, in {of_sink:?}");
                    self.shared.recorder().violation(violation);
                }
                if let Some(step) = of_sink.last().filter(|_| !is_deleted) {
                    kept[at][place(step.state)] += 1;
                }
            }
        }
        for ((sink, kept), (least, most)) in SINKS.into_iter().zip(kept).zip(gone) {
            self.check_counts(sink, kept, least..=most);
        }
    }

    /// Checks that a sent event is known as sent for as long as it is stored.
    fn check_remembered(&self, owed: Owed, steps: &[&DeliveryStep]) {
        let mut recorder = self.shared.recorder();
        let is_sent = steps.last().is_some_and(|step| step.state == DeliveryState::Sent);
        if recorder.sent.contains(&owed) && !is_sent {
            recorder.violation(format!("{owed:?}: the store forgot that it was sent"));
        }
    }

    /// Checks that the counts of a sink are those of the stored events and of `gone` deleted ones.
    fn check_counts(&self, sink: &str, kept: [u64; 5], gone: RangeInclusive<u64>) {
        let row = self.row(sink);
        let shown = [row.waiting, row.sent, row.dead, row.dropped, row.discarded];
        let others = shown.iter().sum::<u64>().checked_sub(kept.iter().sum());
        let is_enough = shown.iter().zip(kept).all(|(shown, kept)| *shown >= kept);
        if !is_enough || others.is_none_or(|others| !gone.contains(&others)) {
            let violation = format!("{row:?} is shown, and {kept:?} and {gone:?} others are true");
            self.shared.recorder().violation(violation);
        }
    }
}

fn place(state: DeliveryState) -> usize {
    match state {
        DeliveryState::Queued | DeliveryState::Retry => 0,
        DeliveryState::Sent => 1,
        DeliveryState::Dead => 2,
        DeliveryState::Dropped => 3,
        DeliveryState::Discarded => 4,
    }
}

/// Checks that a delivery ended as its case requires, and how often its receiver accepted it.
fn check_ending(
    case: EventCase,
    sink: &str,
    times: u32,
    steps: &[&DeliveryStep],
) -> Result<(), &'static str> {
    use DeliveryState::{Dead, Discarded, Dropped, Queued, Retry, Sent};
    let Some((last, before)) = steps.split_last() else {
        return if case.is_routed(sink) { Err("was never routed") } else { Ok(()) };
    };
    if !case.is_routed(sink) {
        return Err("was routed");
    }
    // Only a dead letter continues after its end, when it is retried or discarded.
    let goes_on = |pair: &[&DeliveryStep]| match (pair[0].state, pair[1].state) {
        (Dead, next) => next == Queued || next == Discarded,
        (Discarded, next) => next == Dead,
        (Queued, next) => next != Queued && next != Discarded,
        (Retry, next) => next != Queued && next != Discarded && pair[1].attempt > pair[0].attempt,
        (Sent | Dropped, _) => false,
    };
    if !steps.windows(2).all(goes_on) || before.iter().any(|step| step.state == Sent) {
        return Err("has an impossible sequence of steps");
    }
    let reason = last.reason.as_deref();
    match (case, last.state) {
        (EventCase::Private, Dropped) if reason == Some("gpc") && times == 0 => Ok(()),
        (EventCase::Broken, Dead) if reason == Some("refused") && times == 0 => Ok(()),
        (EventCase::Plain | EventCase::Later, Sent) if times > 0 => Ok(()),
        (EventCase::Metric, Sent) if times == 1 => Ok(()),
        (EventCase::Metric, Dropped) if times <= 1 && reason.is_some() => Ok(()),
        _ => Err("ended in the wrong way"),
    }
}

/// Checks the same for an event that was, or may have been, deleted.
fn check_ending_of_deleted(times: u32, steps: &[&DeliveryStep]) -> Result<(), &'static str> {
    match steps.last().map(|step| step.state) {
        Some(DeliveryState::Queued | DeliveryState::Retry) => Err("still waits"),
        Some(DeliveryState::Sent) if times == 0 => Err("was never sent"),
        _ => Ok(()),
    }
}
