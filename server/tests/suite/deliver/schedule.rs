//! The random steps of a simulation, until everything recovers.

use std::sync::Arc;

use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{RetentionLimits, RetryAsk, Week};

use crate::deliver::checked_queue::Mutant;
use crate::deliver::event::{DEAD, EventCase, Payload, SINKS};
use crate::deliver::faults::Reliability;
use crate::deliver::gates::wait;
use crate::deliver::simulation::Simulation;

impl Simulation {
    /// Takes one random step.
    pub(crate) async fn random_step(&mut self) {
        match self.random.between(0, 100) {
            0..45 => {
                let at = self.random.between(0, self.lanes.len() as u64);
                let gates = self.random.between(1, 12);
                self.go(usize::try_from(at).unwrap(), gates).await;
            }
            45..50 => self.outlive_lease().await,
            50..62 => self.add(),
            62..76 => self.sleep_some().await,
            76..80 => self.pause_or_resume(),
            80..84 => self.retry_dead(),
            84..88 => self.replay_some(),
            88 => {
                // Some deliveries wait that long and are still owed.
                self.sleep(u64::try_from(WEEK_MS).unwrap()).await;
                self.retain();
            }
            89..93 => {
                let reliabilities = [
                    Reliability::Healthy,
                    Reliability::Unreliable,
                    Reliability::Down,
                    Reliability::Unauthorized,
                ];
                let sink = SINKS[self.below(SINKS.len())];
                if sink != DEAD {
                    let reliability = reliabilities[self.below(reliabilities.len())];
                    self.set_reliability(sink, reliability);
                }
            }
            93 => {
                self.clock.jump(i64::try_from(self.random.between(0, 600_000)).unwrap() - 300_000);
            }
            94..96 => self.fail_after(self.random.clone().between(0, 60)),
            96..98 => self.restart(),
            _ => self.crash(),
        }
    }

    /// Takes a fixed short schedule that calls everything in the store. Each lane works twice.
    pub(crate) async fn run_short(&mut self) {
        self.shared.recorder().store_fails = false;
        for sink in SINKS {
            let reliability =
                if sink == DEAD { Reliability::Down } else { Reliability::Unreliable };
            self.set_reliability(sink, reliability);
        }
        for _ in 0..2 {
            self.add();
            for at in 0..self.lanes.len() {
                self.go(at, 20).await;
            }
            self.sleep(20_000).await;
        }
        self.pause_or_resume();
        self.retry_dead();
        self.replay_some();
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.random.between(0, end as u64)).unwrap()
    }

    /// Processes a payload.
    pub(crate) fn add(&mut self) {
        let cases: Vec<EventCase> = (0..self.random.between(1, 7))
            .map(|_| EventCase::ALL[self.below(EventCase::ALL.len())])
            .collect();
        let number = self.payloads.len() as u128 + 1;
        let payload =
            Payload::new(number, self.now_ms(), self.shared.recorder().next_number(), &cases);
        for (id, case) in payload.ids().zip(&cases) {
            self.shared.recorder().events.insert(id, *case);
        }
        let (plan, now_ms) = (Arc::clone(&payload.first), self.now_ms());
        // If the process ends during the call, the next process applies the payload.
        self.payloads.push(payload);
        if self.call(|storage| wait(storage.events.apply(vec![plan], now_ms))).is_some() {
            self.payloads.last_mut().unwrap().is_sure = true;
            self.ends_here();
        }
    }

    /// Stops a lane for longer than its lease while another lane takes over, then continues it.
    async fn outlive_lease(&mut self) {
        let at = self.below(self.lanes.len());
        let gates = self.random.between(2, 6);
        self.go(at, gates).await;
        self.sleep(241_000).await;
        let is_other_lane =
            |other: &usize| *other != at && self.lanes[*other].sink == self.lanes[at].sink;
        if let Some(other) = (0..self.lanes.len()).find(is_other_lane) {
            // It may still be working when the first lane continues.
            let gates = self.random.between(2, 12);
            self.go(other, gates).await;
        }
        self.go(at, 30).await;
    }

    async fn sleep_some(&mut self) {
        let ms = match self.random.between(0, 20) {
            0..12 => self.random.between(0, 5_000),
            12..17 => self.random.between(5_000, 100_000),
            // Longer than a lease.
            17..19 => 241_000,
            _ => u64::try_from(WEEK_MS).unwrap(),
        };
        self.sleep(ms).await;
    }

    fn pause_or_resume(&mut self) {
        let (sink, stops) = (SINKS[self.below(SINKS.len())], self.random.percent(40));
        let now_ms = self.now_ms();
        self.is_pause_unsure = true;
        if self
            .call(|storage| wait(storage.delivery_queue.pause_sink(sink.into(), stops, now_ms)))
            .is_some()
        {
            self.is_pause_unsure = false;
            self.shared.recorder().set_paused(sink, stops);
            self.ends_here();
        }
    }

    /// Retries dead letters, spread over a while.
    pub(crate) fn retry_dead(&mut self) {
        let over_ms = i64::try_from(self.random.between(0, 20_000)).unwrap();
        let ask = RetryAsk { now_ms: self.now_ms(), over_ms, ..RetryAsk::default() };
        if self.call(|storage| wait(storage.delivery_queue.retry_dead(ask))).is_some() {
            self.ends_here();
        }
    }

    /// Prunes the events of weeks before this one.
    fn retain(&mut self) {
        let now_ms = self.now_ms();
        let week = Week::of_ms(now_ms);
        self.shared.recorder().lose_before(week);
        let keep = RetentionLimits {
            events_from_ms: Some(week.from_ms()),
            events_bytes: None,
            ids_from_ms: 0,
            pending_from_ms: i64::MAX,
            now_ms,
        };
        if self.call(|storage| wait(storage.events.prune(keep))).is_some() {
            self.shared.recorder().lost();
            self.ends_here();
        }
    }

    fn replay_some(&mut self) {
        let first = self.below(self.payloads.len() + 1);
        let last = (first + self.below(8)).min(self.payloads.len());
        self.replay(first, last);
    }

    /// Replays a range of payloads.
    pub(crate) fn replay(&mut self, first: usize, last: usize) {
        let payloads = &self.payloads[first..last];
        let plans: Vec<_> = match self.mutant {
            Mutant::ReplaysAsNew => payloads.iter().map(Payload::as_new).collect(),
            _ => payloads.iter().map(|payload| Arc::clone(&payload.again)).collect(),
        };
        let (now_ms, is_new) = (self.now_ms(), self.mutant == Mutant::ReplaysAsNew);
        let replayed = self.call(|storage| {
            if is_new {
                return wait(storage.events.apply(plans, now_ms)).map(|_| ());
            }
            wait(storage.events.reapply(plans, now_ms)).map(|_| ())
        });
        if replayed.is_some() {
            self.ends_here();
        }
    }
}
