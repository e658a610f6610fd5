//! The same simulation with a stream in front of the queue, which delivers groups of payloads in
//! any order, several times, and after crashes of the server.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use lamplight_server::store::{
    Answer, Archive, Backlog, KeptPayload, LeaseAsk, LeasedPayload, NewPayload, PayloadId,
    PayloadMetadata, PayloadQueue, PayloadSpan, Route, SpanCount, Storage, StoreError,
};
use proptest::prelude::*;

use super::steps::step;
use super::{from_env, run};
use crate::store::machine::{Crash, Doing, EventStorage, Machine, on_disk};
use crate::store::memory::in_memory;

/// A group in the stream.
#[derive(Clone)]
struct Group {
    payloads: Vec<NewPayload>,
    /// How often it was delivered. It is acknowledged at last.
    deliveries: u32,
}

/// The stream, which outlives the processes that use it.
#[derive(Default)]
struct Stream {
    groups: Vec<Group>,
    /// How many groups were delivered more than once.
    redelivered: u64,
    state: u64,
}

impl Stream {
    /// The next number below `below`. The same history has the same numbers.
    fn next(&mut self, below: u64) -> u64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % below
    }

    fn publish(&mut self, payload: NewPayload) {
        let joins = self.next(2) == 0;
        match self.groups.last_mut() {
            Some(last) if joins && last.deliveries == 0 => last.payloads.push(payload),
            _ => self.groups.push(Group { payloads: vec![payload], deliveries: 0 }),
        }
        // An answer got lost, and the stream no longer knows the id of the group.
        if self.next(6) == 0 {
            let twin = self.groups.last().unwrap().clone();
            self.groups.push(twin);
        }
    }
}

/// A queue behind the stream.
#[derive(Clone)]
struct StreamedQueue {
    inner: Arc<dyn PayloadQueue>,
    archive: Arc<dyn Archive>,
    stream: Arc<Mutex<Stream>>,
}

/// The most deliveries of a group.
const DELIVERIES_MAX: u32 = 4;

impl StreamedQueue {
    /// Delivers some of the groups, or all of them until they are acknowledged.
    async fn deliver(&self, all: bool) {
        loop {
            let taken = {
                let mut stream = self.stream.lock().unwrap();
                let groups = std::mem::take(&mut stream.groups);
                let (mut taken, mut left) = (Vec::new(), Vec::new());
                for group in groups {
                    let goes = all || stream.next(4) > 0;
                    if goes { &mut taken } else { &mut left }.push(group);
                }
                stream.groups = left;
                // In any order.
                for at in (1..taken.len()).rev() {
                    let other = usize::try_from(stream.next(at as u64 + 1)).unwrap();
                    taken.swap(at, other);
                }
                taken
            };
            if taken.is_empty() {
                return;
            }
            let mut has_failed = false;
            for mut group in taken {
                let staged = self.inner.stage_all(group.payloads.clone()).await;
                let mut stream = self.stream.lock().unwrap();
                group.deliveries += 1;
                stream.redelivered += u64::from(group.deliveries > 1);
                let is_acknowledged = group.deliveries >= DELIVERIES_MAX || stream.next(3) > 0;
                has_failed |= staged.is_err();
                if staged.is_err() || !is_acknowledged {
                    stream.groups.push(group);
                }
            }
            if !all || has_failed {
                return;
            }
        }
    }
}

impl PayloadQueue for StreamedQueue {
    crate::passes_on_to_inner!();

    fn stage(&self, payload: NewPayload) -> Answer<'_, ()> {
        self.stream.lock().unwrap().publish(payload);
        Box::pin(async { Ok(()) })
    }
    fn stage_all(&self, payloads: Vec<NewPayload>) -> Answer<'_, ()> {
        self.inner.stage_all(payloads)
    }
    fn lease(&self, ask: LeaseAsk) -> Answer<'_, Vec<LeasedPayload>> {
        Box::pin(async move {
            self.deliver(false).await;
            self.inner.lease(ask).await
        })
    }
    fn backlog(&self) -> Answer<'_, Backlog> {
        Box::pin(async {
            let groups = self.stream.lock().unwrap().groups.len() as u64;
            let backlog = self.inner.backlog().await?;
            Ok(Backlog { payloads: backlog.payloads + groups, ..backlog })
        })
    }
}

impl Archive for StreamedQueue {
    fn metadata(&self, id: PayloadId) -> Answer<'_, Option<PayloadMetadata>> {
        let stream = self.stream.lock().unwrap();
        let mut payloads = stream.groups.iter().flat_map(|group| &group.payloads);
        let found = payloads.find(|it| it.metadata.id == id).map(|it| it.metadata.clone());
        match found {
            Some(found) => Box::pin(async { Ok(Some(found)) }),
            None => self.archive.metadata(id),
        }
    }
    fn count(&self, span: PayloadSpan) -> Answer<'_, SpanCount> {
        self.archive.count(span)
    }
    fn payloads(
        &self,
        span: PayloadSpan,
        after: Option<PayloadId>,
        payloads_max: u32,
        unpacked_bytes_max: u64,
    ) -> Answer<'_, Vec<KeptPayload>> {
        self.archive.payloads(span, after, payloads_max, unpacked_bytes_max)
    }
    fn prune(&self, before_ms: i64) -> Answer<'_, u64> {
        Box::pin(async move {
            // A group is delivered again for minutes, and payloads are kept for days.
            self.deliver(true).await;
            if self.stream.lock().unwrap().groups.is_empty() {
                self.archive.prune(before_ms).await
            } else {
                Err(StoreError::Down { retry_after_s: 1 })
            }
        })
    }
}

/// A machine behind a stream, which crashes of the machine do not touch.
struct Streamed {
    machine: Box<dyn Machine>,
    stream: Arc<Mutex<Stream>>,
}

fn behind_stream(machine: Box<dyn Machine>) -> Box<dyn Machine> {
    Box::new(Streamed { machine, stream: Arc::default() })
}

impl Machine for Streamed {
    fn open(&mut self, routes: Vec<Route>) -> Doing<'_, Option<Storage>> {
        Box::pin(async {
            let storage = self.machine.open(routes).await?;
            let queue = StreamedQueue {
                inner: Arc::clone(&storage.payload_queue),
                archive: Arc::clone(&storage.archive),
                stream: Arc::clone(&self.stream),
            };
            let archive = Arc::new(queue.clone());
            Some(Storage { payload_queue: Arc::new(queue), archive, ..storage })
        })
    }
    fn open_events(&mut self, routes: Vec<Route>) -> Doing<'_, Option<EventStorage>> {
        self.machine.open_events(routes)
    }
    fn fail_after(&mut self, operations: u64) {
        self.machine.fail_after(operations);
    }
    fn break_after(&mut self, operations: u64) {
        self.machine.break_after(operations);
    }
    fn has_failed(&self) -> bool {
        self.machine.has_failed()
    }
    fn failed(&self) -> Doing<'static, ()> {
        self.machine.failed()
    }
    fn crash(&mut self, crash: Crash) -> Doing<'_, ()> {
        self.machine.crash(crash)
    }
    fn faults(&self) -> Doing<'_, Vec<String>> {
        self.machine.faults()
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: from_env("LAMPLIGHT_POWER_CUTS", 48),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_event_ends_exactly_once_behind_a_stream_in_memory(
        steps in prop::collection::vec(step(), 1..25),
    ) {
        run(behind_stream(in_memory()), steps);
    }

    #[test]
    fn every_event_ends_exactly_once_behind_a_stream_on_disk(
        steps in prop::collection::vec(step(), 1..25),
    ) {
        run(behind_stream(on_disk()), steps);
    }
}

/// Otherwise the simulation would prove nothing about a stream.
#[test]
fn the_simulated_stream_repeats_reorders_and_doubles_groups() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let storage = in_memory().open(Vec::new()).await.unwrap();
        let queue = StreamedQueue {
            inner: Arc::clone(&storage.payload_queue),
            archive: Arc::clone(&storage.archive),
            stream: Arc::default(),
        };
        for number in 1..=200 {
            queue.stage(crate::store::sample::payload(number, "[{},{}]")).await.unwrap();
        }
        let ids: Vec<PayloadId> = {
            let stream = queue.stream.lock().unwrap();
            assert!(stream.groups.len() < 200, "some share a group");
            stream.groups.iter().flat_map(|it| &it.payloads).map(|it| it.metadata.id).collect()
        };
        assert!(ids.len() > ids.iter().collect::<BTreeSet<_>>().len(), "some are there twice");
        queue.deliver(true).await;
        assert!(queue.stream.lock().unwrap().redelivered > 20);
        let found = storage.payload_queue.unprocessed(1_000, u64::MAX).await.unwrap().payloads;
        let found: Vec<PayloadId> = found.iter().map(|it| it.payload.metadata.id).collect();
        assert_eq!(found.len(), 200);
        assert!(!found.is_sorted() && !found.is_sorted_by(|a, b| a > b), "in another order");
    });
}
