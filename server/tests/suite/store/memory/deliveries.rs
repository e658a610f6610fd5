//! The tables of deliveries: sinks, what each is owed, what happened to it, and dead letters.

use std::collections::BTreeMap;

use lamplight_server::store::apply::Delivery;
use lamplight_server::store::week::first_row_at;
use lamplight_server::store::{
    BackfillAsk, BackfillCount, DISCARDED, DeadLetter, DeadLetterQuery, DeliveryAsk,
    DeliveryFailures, DeliveryState, DeliveryStep, DeliveryTicket, DiscardAsk, LOG_STEPS_MAX,
    Lease, RESTORED, RETRIED, RETRY_MAX, RetryAsk, RetryCount, Route, RowId, SettledDelivery,
    Settlement, SinkCondition, SinkRow, StoreError,
};

/// Names a sink for as long as the data lives.
type SinkNumber = usize;

/// Everything about deliveries.
#[derive(Clone, Default)]
pub(super) struct DeliveryTables {
    sinks: Vec<SinkRow>,
    /// What is owed.
    queue: BTreeMap<(SinkNumber, RowId), Owed>,
    /// Every step of every delivery.
    log: BTreeMap<(RowId, SinkNumber), Vec<DeliveryStep>>,
    /// Why each dead letter was given up, and about how many bytes it takes.
    dead_letters: BTreeMap<(SinkNumber, RowId), (String, u64)>,
    /// The same of those that were discarded.
    discarded: BTreeMap<(SinkNumber, RowId), (String, u64)>,
}

/// A delivery that waits for an attempt, or is in one.
#[derive(Clone)]
struct Owed {
    /// 0 before the first attempt, the end of the lease during one, later the time of the next.
    due_ms: i64,
    lease: Option<Lease>,
    queued_ms: i64,
    attempts: u32,
    bytes: u64,
    failures: DeliveryFailures,
}

/// A dead letter, and the bytes that its retry may take.
type Letter = ((SinkNumber, RowId), u64);

impl Owed {
    fn new(due_ms: i64, queued_ms: i64, bytes: u64) -> Self {
        let failures = DeliveryFailures::default();
        Self { due_ms, lease: None, queued_ms, attempts: 0, bytes, failures }
    }
}

impl DeliveryTables {
    /// Starts a process with these sinks. Leases and stops of the process before end.
    pub(super) fn start(&mut self, routes: &[Route]) {
        for owed in self.queue.values_mut().filter(|owed| owed.lease.is_some()) {
            (owed.due_ms, owed.lease) = (1, None);
        }
        for sink in 0..self.sinks.len() {
            if self.sinks[sink].stopped.is_some() {
                self.forget_first_failures(sink);
            }
            let sink = &mut self.sinks[sink];
            (sink.is_configured, sink.stopped, sink.rests) = (false, None, None);
        }
        for route in routes {
            let number = self.number(&route.sink).unwrap_or_else(|| {
                self.sinks.push(new_sink(&route.sink));
                self.sinks.len() - 1
            });
            let sink = &mut self.sinks[number];
            (sink.kind, sink.is_configured) = (route.kind.to_owned(), true);
        }
    }

    fn forget_first_failures(&mut self, sink: SinkNumber) {
        for (_, owed) in self.queue.iter_mut().filter(|((of, _), _)| *of == sink) {
            owed.failures.first_ms = None;
        }
    }

    fn number(&self, name: &str) -> Option<SinkNumber> {
        self.sinks.iter().position(|sink| sink.name == name)
    }

    /// Makes a delivery, unless it was made before. Gives whether it was made.
    pub(super) fn add(
        &mut self,
        delivery: &Delivery,
        routes: &[Route],
        now_ms: i64,
        due_ms: i64,
    ) -> bool {
        let Some(sink) = self.number(&routes[delivery.route].sink) else { return false };
        let key = (delivery.event, sink);
        if self.log.contains_key(&key) {
            return false;
        }
        let is_queued = delivery.state == DeliveryState::Queued;
        let shown_ms = (is_queued && due_ms > 0).then_some(due_ms);
        let reason = delivery.reason.map(|(code, detail)| (code.to_owned(), detail.to_owned()));
        self.record(key, (now_ms, delivery.state, 0, shown_ms), reason);
        if is_queued {
            let owed = Owed::new(due_ms, now_ms, delivery.bytes);
            self.queue.insert((sink, delivery.event), owed);
        } else {
            self.sinks[sink].dropped += 1;
        }
        true
    }

    /// Queues past events for a sink, or only counts them.
    pub(super) fn backfill(
        &mut self,
        ask: &BackfillAsk,
        routes: &[Route],
    ) -> Option<BackfillCount> {
        let (at, route) = routes.iter().enumerate().find(|(_, route)| route.sink == ask.sink)?;
        let deliveries = ask.deliveries(at, route);
        let [mut queued, mut private] = [0, 0];
        let sink = self.number(&ask.sink)?;
        for delivery in &deliveries {
            let is_new = if ask.dry_run {
                !self.log.contains_key(&(delivery.event, sink))
            } else {
                self.add(delivery, routes, ask.now_ms, ask.now_ms.max(1))
            };
            match delivery.state {
                DeliveryState::Queued => queued += u64::from(is_new),
                _ => private += u64::from(is_new),
            }
        }
        Some(ask.count(&deliveries, queued, private))
    }

    /// Adds a step. Of many failed attempts in a row the last one takes the place of the one before
    /// it.
    fn record(
        &mut self,
        (event, sink): (RowId, SinkNumber),
        (at_ms, state, attempt, due_ms): (i64, DeliveryState, u32, Option<i64>),
        reason: Option<(String, String)>,
    ) {
        let (reason, detail) = reason.unzip();
        let sink_name = self.sinks[sink].name.clone();
        let step = DeliveryStep { sink: sink_name, at_ms, state, attempt, due_ms, reason, detail };
        let log = self.log.entry((event, sink)).or_default();
        let is_retry = |it: &DeliveryStep| it.state == DeliveryState::Retry;
        if log.len() >= LOG_STEPS_MAX as usize && is_retry(&step) {
            log.pop_if(|last| is_retry(last));
        }
        log.push(step);
    }

    /// Every step of every delivery of an event.
    pub(super) fn steps(&self, event: RowId) -> Vec<DeliveryStep> {
        self.log
            .range((event, 0)..=(event, SinkNumber::MAX))
            .flat_map(|(_, it)| it.clone())
            .collect()
    }

    fn step_count(&self, key: (RowId, SinkNumber)) -> u32 {
        u32::try_from(self.log.get(&key).map_or(0, Vec::len)).unwrap()
    }

    /// Leases what is due. Gives the tickets.
    pub(super) fn lease(&mut self, ask: &DeliveryAsk, lease: Lease) -> Vec<DeliveryTicket> {
        let Some(sink) = self.number(&ask.sink) else { return Vec::new() };
        if self.sinks[sink].paused_ms.is_some() || self.sinks[sink].stopped.is_some() {
            return Vec::new();
        }
        let owed_to_sink =
            || self.queue.range((sink, first_row_at(0))..).take_while(|it| it.0.0 == sink);
        let due = |is_retry: bool, is_isolated: bool| {
            let due = owed_to_sink().filter(|(_, owed)| {
                (owed.due_ms > 0) == is_retry
                    && owed.failures.is_isolated() == is_isolated
                    && owed.due_ms <= ask.now_ms
            });
            let mut due: Vec<_> = due.map(|(key, owed)| (owed.due_ms, *key, owed.bytes)).collect();
            due.sort_unstable_by_key(|(due_ms, key, _)| (*due_ms, *key));
            due
        };
        let isolated = due(true, true).into_iter().next();
        let chosen =
            ask.choose(due(true, false), due(false, false), isolated, |(_, _, bytes)| *bytes);
        let mut tickets = Vec::with_capacity(chosen.len());
        for (_, key, _) in chosen {
            let steps = self.step_count((key.1, sink));
            let Some(owed) = self.queue.get_mut(&key) else { continue };
            (owed.due_ms, owed.lease) = (lease.until_ms, Some(lease));
            owed.attempts += 1;
            let Owed { queued_ms, attempts, bytes, failures, .. } = *owed;
            let ticket = DeliveryTicket::new(key.1, queued_ms, attempts, steps, bytes);
            tickets.push(ticket.with_failures(failures));
        }
        tickets
    }

    /// Ends work on leased deliveries.
    pub(super) fn settle(&mut self, settlement: &Settlement) -> Result<(), StoreError> {
        let sink = self.number(&settlement.sink).ok_or(StoreError::LeaseLost)?;
        for settled in &settlement.deliveries {
            self.settle_one(sink, settled, settlement)?;
        }
        let row = &mut self.sinks[sink];
        match &settlement.condition {
            None => {}
            Some(SinkCondition::Up) => (row.stopped, row.rests) = (None, None),
            Some(SinkCondition::Resting(until_ms, reason)) => {
                (row.stopped, row.rests) = (None, Some((*until_ms, reason.to_string())));
            }
            Some(SinkCondition::Stopped(reason)) => {
                (row.stopped, row.rests) = (Some(reason.to_string()), None);
            }
        }
        Ok(())
    }

    fn settle_one(
        &mut self,
        sink: SinkNumber,
        settled: &SettledDelivery,
        settlement: &Settlement,
    ) -> Result<(), StoreError> {
        let (event, now_ms) = (settled.ticket.event(), settlement.now_ms);
        let owed = self.queue.remove(&(sink, event)).ok_or(StoreError::LeaseLost)?;
        if owed.lease != Some(settlement.lease) || now_ms >= settlement.lease.until_ms {
            return Err(StoreError::LeaseLost);
        }
        let (state, due_ms) = (settled.ending.state(), settled.ending.due_ms());
        let reason = settled.ending.reason().map(|it| (it.code.to_owned(), it.detail.to_string()));
        self.record((event, sink), (now_ms, state, owed.attempts, due_ms), reason.clone());
        match (state, due_ms, reason) {
            (DeliveryState::Retry, Some(due_ms), _) => {
                let failures = settled.ticket.failures();
                self.queue.insert((sink, event), Owed { due_ms, lease: None, failures, ..owed });
            }
            (DeliveryState::Dead, _, Some((reason, _))) => {
                self.dead_letters.insert((sink, event), (reason, owed.bytes));
                self.sinks[sink].dead += 1;
            }
            (DeliveryState::Sent, ..) => self.sinks[sink].sent += 1,
            _ => self.sinks[sink].dropped += 1,
        }
        Ok(())
    }

    /// Pauses a sink, or resumes it. Gives whether it exists.
    pub(super) fn pause(&mut self, name: &str, pause: bool, now_ms: i64) -> bool {
        let Some(number) = self.number(name) else { return false };
        let sink = &mut self.sinks[number];
        if pause {
            sink.paused_ms.get_or_insert(now_ms);
        } else {
            (sink.paused_ms, sink.stopped) = (None, None);
            self.forget_first_failures(number);
        }
        true
    }

    /// The dead letters, or discarded ones, that match, and how many there are.
    fn selected(&self, is_discarded: bool, ask: &RetryAsk) -> (Vec<Letter>, RetryCount) {
        let is_wanted = |(sink, event): &(SinkNumber, RowId), reason: &String| {
            ask.sink.as_ref().is_none_or(|name| *name == self.sinks[*sink].name)
                && ask.event.is_none_or(|wanted| wanted == *event)
                && ask.reason.as_ref().is_none_or(|wanted| wanted == reason)
                && ask.from_ms.is_none_or(|from_ms| *event >= first_row_at(from_ms))
                && ask.to_ms.is_none_or(|to_ms| *event < first_row_at(to_ms))
        };
        let letters = if is_discarded { &self.discarded } else { &self.dead_letters };
        let found = letters.iter().filter(|(key, (reason, _))| is_wanted(key, reason));
        let mut found: Vec<_> = found.map(|(key, (_, bytes))| (*key, *bytes)).collect();
        let is_more = found.len() > RETRY_MAX as usize;
        found.truncate(RETRY_MAX as usize);
        let count = found.len() as u64;
        (found, RetryCount { count, is_more })
    }

    /// Queues dead letters again, or only counts them.
    pub(super) fn retry_dead(&mut self, ask: &RetryAsk) -> RetryCount {
        let (found, RetryCount { count, is_more }) = self.selected(false, ask);
        if !ask.dry_run {
            for (index, ((sink, event), bytes)) in (0..).zip(found) {
                self.dead_letters.remove(&(sink, event));
                self.sinks[sink].dead -= 1;
                let due_ms = ask.due_ms(index, count);
                let (code, detail) = RETRIED;
                let step = (ask.now_ms, DeliveryState::Queued, 0, Some(due_ms));
                let reason = Some((code.to_owned(), detail.to_owned()));
                self.record((event, sink), step, reason);
                self.queue.insert((sink, event), Owed::new(due_ms.max(1), ask.now_ms, bytes));
            }
        }
        RetryCount { count, is_more }
    }

    /// Discards dead letters, or restores discarded ones, or only counts them.
    pub(super) fn discard_dead(&mut self, ask: &DiscardAsk) -> RetryCount {
        let (found, count) = self.selected(ask.restore, &ask.letters);
        for ((sink, event), _) in found.into_iter().filter(|_| !ask.letters.dry_run) {
            let key = (sink, event);
            let row = &mut self.sinks[sink];
            let (state, reason) = if ask.restore {
                let letter = self.discarded.remove(&key).unwrap();
                (row.dead, row.discarded) = (row.dead + 1, row.discarded - 1);
                self.dead_letters.insert(key, letter.clone());
                (DeliveryState::Dead, (letter.0, RESTORED.to_owned()))
            } else {
                self.discarded.insert(key, self.dead_letters.remove(&key).unwrap());
                (row.dead, row.discarded) = (row.dead - 1, row.discarded + 1);
                (DeliveryState::Discarded, (DISCARDED.0.to_owned(), DISCARDED.1.to_owned()))
            };
            self.record((event, sink), (ask.letters.now_ms, state, 0, None), Some(reason));
        }
        count
    }

    /// A page of a sink's dead letters.
    pub(super) fn dead_letters(&self, query: &DeadLetterQuery) -> Vec<DeadLetter> {
        let letters = if query.is_discarded { &self.discarded } else { &self.dead_letters };
        let found = letters.iter().filter(|((sink, event), (reason, _))| {
            self.sinks[*sink].name == query.sink
                && query.reason.as_ref().is_none_or(|wanted| wanted == reason)
                && query.after.is_none_or(|after| *event > after)
        });
        let listed = |((sink, event), (reason, _)): (&(SinkNumber, RowId), &(String, u64))| {
            let last = self.log.get(&(*event, *sink)).and_then(|log| log.last());
            let (at_ms, detail) = last.map(|it| (it.at_ms, it.detail.clone())).unzip();
            let (event, reason, detail) = (*event, reason.clone(), detail.flatten());
            DeadLetter { event, reason, at_ms, detail }
        };
        found.take(query.limit as usize).map(listed).collect()
    }

    /// Every sink, by name.
    pub(super) fn list(&self) -> Vec<SinkRow> {
        let mut rows: Vec<SinkRow> = (0..)
            .zip(&self.sinks)
            .map(|(sink, row)| {
                let owed = || self.queue.iter().filter(move |((of, _), _)| *of == sink);
                // One step began the delivery; each further one is a failed attempt, or a retry of
                // a dead letter.
                let failing = owed().filter(|((_, event), _)| self.step_count((*event, sink)) > 1);
                SinkRow {
                    waiting: owed().count() as u64,
                    oldest_ms: owed().map(|(_, owed)| owed.queued_ms).min(),
                    failing: failing.count() as u64,
                    ..row.clone()
                }
            })
            .collect();
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        rows
    }

    /// Deletes the log and the dead letters of events before `from`. Such dead letters count as
    /// dropped. What is still owed stays. Gives how many rows were deleted.
    pub(super) fn prune(&mut self, from: RowId) -> usize {
        let before: usize = self.log.values().map(Vec::len).sum();
        self.log.retain(|(event, _), _| *event >= from);
        let left: usize = self.log.values().map(Vec::len).sum();
        let letters = self.dead_letters.len();
        let sinks = &mut self.sinks;
        self.dead_letters.retain(|(sink, event), _| {
            let is_kept = *event >= from;
            if !is_kept {
                sinks[*sink].dead -= 1;
                sinks[*sink].dropped += 1;
            }
            is_kept
        });
        let discarded = self.discarded.len();
        self.discarded.retain(|(_, event), _| *event >= from);
        let deleted = letters - self.dead_letters.len() + discarded - self.discarded.len();
        before - left + deleted
    }
}

fn new_sink(name: &str) -> SinkRow {
    SinkRow {
        name: name.to_owned(),
        kind: String::new(),
        is_configured: true,
        paused_ms: None,
        stopped: None,
        rests: None,
        waiting: 0,
        oldest_ms: None,
        failing: 0,
        sent: 0,
        dead: 0,
        dropped: 0,
        discarded: 0,
    }
}
