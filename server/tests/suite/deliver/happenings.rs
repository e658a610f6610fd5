//! What happens in a world, by chance, until it calms down.

use std::sync::Arc;

use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{RetentionLimits, RetryAsk, Week};

use crate::deliver::event::{DEAD, Fit, Payload, SINKS};
use crate::deliver::gates::wait;
use crate::deliver::watched::Mutant;
use crate::deliver::weather::Weather;
use crate::deliver::world::World;

impl World {
    /// One thing happens.
    pub(crate) async fn happen(&mut self) {
        match self.chance.between(0, 100) {
            0..45 => {
                let at = self.chance.between(0, self.posts.len() as u64);
                let gates = self.chance.between(1, 12);
                self.go(usize::try_from(at).unwrap(), gates).await;
            }
            45..50 => self.overtake().await,
            50..62 => self.add(),
            62..76 => self.sleep_some().await,
            76..80 => self.pause_or_resume(),
            80..84 => self.retry_dead(),
            84..88 => self.replay_some(),
            88 => {
                // Some wait that long, and are owed still.
                self.sleep(u64::try_from(WEEK_MS).unwrap()).await;
                self.retain();
            }
            89..93 => {
                let weathers = [Weather::Calm, Weather::Stormy, Weather::Dead, Weather::Locked];
                let sink = SINKS[self.below(SINKS.len())];
                if sink != DEAD {
                    let weather = weathers[self.below(weathers.len())];
                    self.set_weather(sink, weather);
                }
            }
            93 => self.wall.jump(i64::try_from(self.chance.between(0, 600_000)).unwrap() - 300_000),
            94..96 => self.fail_after(self.chance.clone().between(0, 60)),
            96..98 => self.restart(),
            _ => self.crash(),
        }
    }

    /// A short story of everything that touches the store, in which each lane works twice.
    pub(crate) async fn tell_short(&mut self) {
        self.shared.witness().is_rough = false;
        for sink in SINKS {
            let weather = if sink == DEAD { Weather::Dead } else { Weather::Stormy };
            self.set_weather(sink, weather);
        }
        for _ in 0..2 {
            self.add();
            for at in 0..self.posts.len() {
                self.go(at, 20).await;
            }
            self.sleep(20_000).await;
        }
        self.pause_or_resume();
        self.retry_dead();
        self.replay_some();
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.chance.between(0, end as u64)).unwrap()
    }

    /// A payload is processed.
    pub(crate) fn add(&mut self) {
        let fits: Vec<Fit> =
            (0..self.chance.between(1, 7)).map(|_| Fit::ALL[self.below(Fit::ALL.len())]).collect();
        let number = self.payloads.len() as u128 + 1;
        let payload = Payload::new(number, self.now_ms(), self.shared.witness().numbers(), &fits);
        for (id, fit) in payload.ids().zip(&fits) {
            self.shared.witness().events.insert(id, *fit);
        }
        let (plan, now_ms) = (Arc::clone(&payload.first), self.now_ms());
        // If the process ends before this call does, its successor finds the payload.
        self.payloads.push(payload);
        if self.call(|storage| wait(storage.events.apply(vec![plan], now_ms))).is_some() {
            self.payloads.last_mut().unwrap().is_sure = true;
            self.ends_here();
        }
    }

    /// A lane stands still for longer than its lease; then another takes over, and it wakes.
    async fn overtake(&mut self) {
        let at = self.below(self.posts.len());
        let gates = self.chance.between(2, 6);
        self.go(at, gates).await;
        self.sleep(241_000).await;
        let is_mate = |mate: &usize| *mate != at && self.posts[*mate].sink == self.posts[at].sink;
        if let Some(mate) = (0..self.posts.len()).find(is_mate) {
            // It may still be at it when the other wakes.
            let gates = self.chance.between(2, 12);
            self.go(mate, gates).await;
        }
        self.go(at, 30).await;
    }

    async fn sleep_some(&mut self) {
        let ms = match self.chance.between(0, 20) {
            0..12 => self.chance.between(0, 5_000),
            12..17 => self.chance.between(5_000, 100_000),
            // Longer than a lease.
            17..19 => 241_000,
            _ => u64::try_from(WEEK_MS).unwrap(),
        };
        self.sleep(ms).await;
    }

    fn pause_or_resume(&mut self) {
        let (sink, stops) = (SINKS[self.below(SINKS.len())], self.chance.percent(40));
        let now_ms = self.now_ms();
        self.is_pause_unsure = true;
        if self
            .call(|storage| wait(storage.delivery_queue.pause_sink(sink.into(), stops, now_ms)))
            .is_some()
        {
            self.is_pause_unsure = false;
            self.shared.witness().set_paused(sink, stops);
            self.ends_here();
        }
    }

    /// Dead letters are tried again, spread over a while.
    pub(crate) fn retry_dead(&mut self) {
        let over_ms = i64::try_from(self.chance.between(0, 20_000)).unwrap();
        let ask = RetryAsk { now_ms: self.now_ms(), over_ms, ..RetryAsk::default() };
        if self.call(|storage| wait(storage.delivery_queue.retry_dead(ask))).is_some() {
            self.ends_here();
        }
    }

    /// Events of weeks before this one go.
    fn retain(&mut self) {
        let now_ms = self.now_ms();
        let week = Week::of_ms(now_ms);
        self.shared.witness().lose_before(week);
        let keep = RetentionLimits {
            events_from_ms: Some(week.from_ms()),
            events_bytes: None,
            ids_from_ms: 0,
            pending_from_ms: i64::MAX,
            now_ms,
        };
        if self.call(|storage| wait(storage.events.prune(keep))).is_some() {
            self.shared.witness().lost();
            self.ends_here();
        }
    }

    fn replay_some(&mut self) {
        let first = self.below(self.payloads.len() + 1);
        let last = (first + self.below(8)).min(self.payloads.len());
        self.replay(first, last);
    }

    /// A range of payloads is processed again.
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
