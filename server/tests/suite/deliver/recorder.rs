//! Records what all parts of the simulation do, and checks the laws while it runs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use lamplight_server::store::Lease;
use lamplight_server::store::{RowId, Week};

use crate::deliver::event::{EventCase, METRICS};
use crate::deliver::faults::{Reliability, RequestFault};
use crate::deliver::random::SeededRandom;

/// A sink, and the id of an event that is owed to it.
pub(crate) type Owed = (&'static str, RowId);

/// Records everything, and every violation of a law.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) random: SeededRandom,
    /// How reliable each receiver is.
    pub(crate) reliability: BTreeMap<&'static str, Reliability>,
    /// Whether calls to the store fail at random.
    pub(crate) store_fails: bool,
    /// What broke a law.
    pub(crate) violations: Vec<String>,
    /// Every event that was, or may have been, stored.
    pub(crate) events: BTreeMap<RowId, EventCase>,
    /// The events that may have been deleted.
    pub(crate) gone: BTreeSet<RowId>,
    /// The events whose deletion was confirmed.
    pub(crate) deleted: BTreeSet<RowId>,
    /// The bytes that each event was first sent as.
    texts: BTreeMap<Owed, String>,
    /// How often each receiver accepted each event.
    taken: BTreeMap<Owed, u32>,
    /// The lease that holds each delivery.
    held: HashMap<Owed, Lease>,
    /// Settled as sent, and durable.
    pub(crate) sent: BTreeSet<Owed>,
    /// Sinks whose pause was confirmed.
    pub(crate) paused: BTreeSet<&'static str>,
    /// How often an event was accepted again.
    pub(crate) repeats: u64,
    /// Settlements that came too late.
    pub(crate) late: u64,
    /// Requests that failed or got no response.
    pub(crate) failed_requests: u64,
}

impl Recorder {
    pub(crate) fn new(random: SeededRandom) -> Self {
        Self {
            random,
            reliability: BTreeMap::new(),
            store_fails: true,
            violations: Vec::new(),
            events: BTreeMap::new(),
            gone: BTreeSet::new(),
            deleted: BTreeSet::new(),
            texts: BTreeMap::new(),
            taken: BTreeMap::new(),
            held: HashMap::new(),
            sent: BTreeSet::new(),
            paused: BTreeSet::new(),
            repeats: 0,
            late: 0,
            failed_requests: 0,
        }
    }

    pub(crate) fn violation(&mut self, what: String) {
        self.violations.push(what);
    }

    /// The number of the next event, from 1.
    pub(crate) fn next_number(&self) -> u64 {
        self.events.len() as u64 + 1
    }

    /// The fault of the next request to the receiver of that sink.
    pub(crate) fn request_fault(&mut self, sink: &'static str) -> RequestFault {
        let reliability = self.reliability.get(sink).copied().unwrap_or(Reliability::Healthy);
        let request_fault = reliability.request_fault(&mut self.random);
        self.failed_requests += u64::from(request_fault != RequestFault::Nothing);
        request_fault
    }

    /// How often the receiver accepted the event.
    pub(crate) fn times(&self, owed: Owed) -> u32 {
        self.taken.get(&owed).copied().unwrap_or(0)
    }

    /// How often any event was accepted.
    pub(crate) fn taken_in_all(&self) -> u64 {
        self.taken.values().map(|times| u64::from(*times)).sum()
    }

    /// Records that a receiver was sent an event, as this text.
    pub(crate) fn offered(&mut self, (sink, event): Owed, text: &str) {
        match self.events.get(&event) {
            Some(case) if case.is_for(sink) => {}
            _ => self.violation(format!("{sink} was sent {event}, which was never routed to it")),
        }
        let before = self.texts.entry((sink, event)).or_insert_with(|| text.to_owned());
        if before != text {
            let violation =
                format!("{sink} was sent {event} again as other bytes: {before} {text}");
            self.violation(violation);
        }
    }

    /// Records that a receiver accepted an event.
    pub(crate) fn take(&mut self, owed: Owed) {
        let times = self.taken.entry(owed).or_default();
        *times += 1;
        if *times > 1 {
            self.repeats += 1;
            if owed.0 == METRICS {
                self.violation(format!(
                    "{owed:?} went twice to a receiver that does not recognize repeats"
                ));
            }
        }
    }

    /// Records a lease, with the event or, if it was deleted, without.
    pub(crate) fn leased(&mut self, owed: Owed, lease: Lease, now_ms: i64, is_there: bool) {
        if is_there && self.deleted.contains(&owed.1) {
            self.violation(format!("{} was given {}, which is deleted", owed.0, owed.1));
        }
        if self.paused.contains(owed.0) {
            self.violation(format!("{} is paused and was given {}", owed.0, owed.1));
        }
        if self.sent.contains(&owed) {
            self.violation(format!("{} has {} and was given it again", owed.0, owed.1));
        }
        let before = self.held.insert(owed, lease);
        if before.is_some_and(|before| before.until_ms > now_ms) {
            self.violation(format!("{owed:?} was leased while someone held it"));
        }
    }

    /// Records a settlement that took effect (I4).
    pub(crate) fn settled(&mut self, owed: Owed, lease: Lease, now_ms: i64, is_sent: bool) {
        let held = self.held.remove(&owed);
        if held != Some(lease) || lease.until_ms <= now_ms {
            self.violation(format!("{owed:?} was settled with another lease than {held:?}"));
        }
        if is_sent {
            if self.times(owed) == 0 {
                self.violation(format!("{owed:?} was settled as sent and never taken"));
            }
            self.sent.insert(owed);
        }
    }

    /// The lease that a delivery is held with.
    pub(crate) fn holder(&self, owed: Owed) -> Option<Lease> {
        self.held.get(&owed).copied()
    }

    /// Records that a pause, or its end, was confirmed.
    pub(crate) fn set_paused(&mut self, sink: &'static str, is_paused: bool) {
        if is_paused {
            self.paused.insert(sink);
        } else {
            self.paused.remove(sink);
        }
    }

    /// Records that events received before this week may be deleted from now on.
    pub(crate) fn lose_before(&mut self, week: Week) {
        let old = self.events.keys().filter(|id| Week::of_row(**id) < week);
        self.gone.extend(old);
    }

    /// Records that the deletion was confirmed.
    pub(crate) fn lost(&mut self) {
        self.deleted.clone_from(&self.gone);
    }

    /// Forgets leases, which end with the process.
    pub(crate) fn restarted(&mut self) {
        self.held.clear();
    }
}
