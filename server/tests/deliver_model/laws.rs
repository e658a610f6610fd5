//! The world calms down, and is held against the laws.

use lamplight_server::store::{Deliveries, DeliveryState, DeliveryStep, SinkRow};

use crate::event::{DEAD, Fit, METRICS, SINKS};
use crate::gates::wait;
use crate::weather::Weather;
use crate::world::World;

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
            wait(self.store().pause_sink(sink.into(), false, now_ms)).unwrap();
            self.shared.witness().set_paused(sink, false);
        }
    }

    fn row(&self, sink: &str) -> SinkRow {
        let rows = wait(self.store().sinks()).unwrap();
        rows.into_iter().find(|row| row.name == sink).unwrap()
    }

    /// Every event ended as it had to, and what is shown of it is what happened to it.
    pub(crate) fn check(&self) {
        let events: Vec<_> =
            self.shared.witness().events.iter().map(|(id, fit)| (*id, *fit)).collect();
        let mut counts = [[0; 4]; SINKS.len()];
        for (id, fit) in events {
            let steps = wait(self.store().steps(id)).unwrap();
            for (sink, counts) in SINKS.into_iter().zip(&mut counts) {
                let of_sink: Vec<_> = steps.iter().filter(|step| step.sink == sink).collect();
                let times = self.shared.witness().times((sink, id));
                let verdict = verdict(fit, sink, times, &of_sink);
                if let Err(what) = verdict {
                    let fault = format!("{sink}, {id}, {fit:?}: {what}, in {of_sink:?}");
                    self.shared.witness().fault(fault);
                }
                if self.shared.witness().sent.contains(&(sink, id))
                    && of_sink.last().is_none_or(|step| step.state != DeliveryState::Sent)
                {
                    let fault = format!("{sink}, {id}: that it was sent is forgotten");
                    self.shared.witness().fault(fault);
                }
                if let Some(step) = of_sink.last() {
                    counts[place(step.state)] += 1;
                }
            }
        }
        for (sink, counts) in SINKS.into_iter().zip(counts) {
            let row = self.row(sink);
            if [row.waiting, row.sent, row.dead, row.dropped] != counts {
                let fault = format!("{row:?} is shown and {counts:?} is true");
                self.shared.witness().fault(fault);
            }
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
