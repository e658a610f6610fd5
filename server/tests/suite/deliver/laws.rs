//! The world calms down, and is held against the laws.

use std::ops::RangeInclusive;

use lamplight_server::store::{DeliveryState, DeliveryStep, SinkRow};

use crate::deliver::event::{DEAD, Fit, METRICS, SINKS};
use crate::deliver::gates::wait;
use crate::deliver::weather::Weather;
use crate::deliver::witness::Owed;
use crate::deliver::world::World;

/// Rounds of everybody after which nothing may wait any more.
const ROUNDS_MAX: u32 = 400;

impl World {
    /// Everything heals, the dead sink last. What is owed is delivered, and a replay changes nothing any more.
    pub(crate) async fn calm_down(&mut self) {
        self.shared.witness().is_rough = false;
        for sink in SINKS {
            self.set_weather(sink, if sink == DEAD { Weather::Dead } else { Weather::Calm });
        }
        // A crash that is still to come comes now.
        self.crash();
        let others = [SINKS[0], SINKS[1], METRICS];
        self.resume_all();
        self.retry_dead();
        self.settle(&others).await;
        if self.row(DEAD).sent > 0 || self.row(DEAD).dead > 0 {
            self.shared.witness().fault(format!("a dead sink settled: {:?}", self.row(DEAD)));
        }
        // Twice, so that what could be stored late is stored.
        for _ in 0..2 {
            self.replay(0, self.payloads.len());
        }
        self.set_weather(DEAD, Weather::Calm);
        self.resume_all();
        self.settle(&SINKS).await;
        let taken = self.shared.witness().taken_in_all();
        self.replay(0, self.payloads.len());
        self.settle(&SINKS).await;
        if self.shared.witness().taken_in_all() != taken {
            self.shared.witness().fault("a replay delivered something twice".into());
        }
    }

    /// Lets time go by until nothing waits for these sinks. The lanes of the others get a gate now and then.
    async fn settle(&mut self, sinks: &[&'static str]) {
        for _ in 0..ROUNDS_MAX {
            for at in 0..self.posts.len() {
                let is_free = self.posts.get(at).is_some_and(|post| sinks.contains(&post.sink));
                self.go(at, if is_free { 60 } else { 1 }).await;
            }
            if sinks.iter().all(|sink| self.row(sink).waiting == 0) {
                return;
            }
            self.sleep(20_000).await;
        }
        let rows: Vec<SinkRow> = sinks.iter().map(|sink| self.row(sink)).collect();
        self.shared.witness().fault(format!("work is left that nothing finishes: {rows:?}"));
    }

    fn resume_all(&mut self) {
        let now_ms = self.now_ms();
        for sink in SINKS {
            wait(self.storage().delivery_queue.pause_sink(sink.into(), false, now_ms)).unwrap();
            self.shared.witness().set_paused(sink, false);
        }
    }

    fn row(&self, sink: &str) -> SinkRow {
        let rows = wait(self.storage().delivery_queue.sinks()).unwrap();
        rows.into_iter().find(|row| row.name == sink).unwrap()
    }

    /// Every event ended as it had to, and what is shown of it is what happened to it.
    pub(crate) fn check(&self) {
        let mut kept = [[0; 4]; SINKS.len()];
        let mut gone = [(0, 0); SINKS.len()];
        let (events, deleted) = {
            let witness = self.shared.witness();
            (witness.events.clone(), witness.gone.clone())
        };
        for (id, fit) in events {
            let steps = wait(self.storage().delivery_queue.steps(id)).unwrap();
            for (at, sink) in SINKS.into_iter().enumerate() {
                let of_sink: Vec<_> = steps.iter().filter(|step| step.sink == sink).collect();
                let times = self.shared.witness().times((sink, id));
                let is_deleted = deleted.contains(&id);
                let verdict = if is_deleted {
                    // Of these only this is known: some were never stored, because nothing replayed them in time.
                    let is_routed = fit.is_routed(sink);
                    gone[at].0 += u64::from(is_routed && fit != Fit::Later);
                    gone[at].1 += u64::from(is_routed);
                    verdict_of_deleted(times, &of_sink)
                } else {
                    self.check_remembered((sink, id), &of_sink);
                    verdict(fit, sink, times, &of_sink)
                };
                if let Err(what) = verdict {
                    let fault = format!("{sink}, {id}, {fit:?}: {what}, in {of_sink:?}");
                    self.shared.witness().fault(fault);
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

    /// That something was sent is known as long as the event is.
    fn check_remembered(&self, owed: Owed, steps: &[&DeliveryStep]) {
        let mut witness = self.shared.witness();
        let is_sent = steps.last().is_some_and(|step| step.state == DeliveryState::Sent);
        if witness.sent.contains(&owed) && !is_sent {
            witness.fault(format!("{owed:?}: that it was sent is forgotten"));
        }
    }

    /// The counts of a sink are those of the events that are kept, and of so many that are not.
    fn check_counts(&self, sink: &str, kept: [u64; 4], gone: RangeInclusive<u64>) {
        let row = self.row(sink);
        let shown = [row.waiting, row.sent, row.dead, row.dropped];
        let others = shown.iter().sum::<u64>().checked_sub(kept.iter().sum());
        let is_enough = shown.iter().zip(kept).all(|(shown, kept)| *shown >= kept);
        if !is_enough || others.is_none_or(|others| !gone.contains(&others)) {
            let fault = format!("{row:?} is shown, and {kept:?} and {gone:?} others are true");
            self.shared.witness().fault(fault);
        }
    }
}

fn place(state: DeliveryState) -> usize {
    match state {
        DeliveryState::Queued | DeliveryState::Retry => 0,
        DeliveryState::Sent => 1,
        DeliveryState::Dead => 2,
        DeliveryState::Dropped => 3,
    }
}

/// Whether a delivery ended as it had to, and its receiver took the event so often.
fn verdict(fit: Fit, sink: &str, times: u32, steps: &[&DeliveryStep]) -> Result<(), &'static str> {
    use DeliveryState::{Dead, Dropped, Queued, Retry, Sent};
    let Some((last, before)) = steps.split_last() else {
        return if fit.is_routed(sink) { Err("was never routed") } else { Ok(()) };
    };
    if !fit.is_routed(sink) {
        return Err("was routed");
    }
    // What was asked again was a dead letter; nothing else goes on after an end.
    let goes_on = |pair: &[&DeliveryStep]| match (pair[0].state, pair[1].state) {
        (Dead, next) => next == Queued,
        (Queued, next) => next != Queued,
        (Retry, next) => next != Queued && pair[1].attempt > pair[0].attempt,
        (Sent | Dropped, _) => false,
    };
    if !steps.windows(2).all(goes_on) || before.iter().any(|step| step.state == Sent) {
        return Err("took an impossible way");
    }
    let reason = last.reason.as_deref();
    match (fit, last.state) {
        (Fit::Private, Dropped) if reason == Some("gpc") && times == 0 => Ok(()),
        (Fit::Broken, Dead) if reason == Some("refused") && times == 0 => Ok(()),
        (Fit::Plain | Fit::Later, Sent) if times > 0 => Ok(()),
        (Fit::Metric, Sent) if times == 1 => Ok(()),
        (Fit::Metric, Dropped) if times <= 1 && reason.is_some() => Ok(()),
        _ => Err("ended otherwise than it had to"),
    }
}

/// The same for an event that was deleted before that, or may have been.
fn verdict_of_deleted(times: u32, steps: &[&DeliveryStep]) -> Result<(), &'static str> {
    match steps.last().map(|step| step.state) {
        Some(DeliveryState::Queued | DeliveryState::Retry) => Err("still waits"),
        Some(DeliveryState::Sent) if times == 0 => Err("was never sent"),
        _ => Ok(()),
    }
}
