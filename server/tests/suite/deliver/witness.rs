//! What every part of the world knows together, and the laws that are checked while it runs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use lamplight_server::store::Lease;
use lamplight_server::store::{RowId, Week};

use crate::deliver::chance::Chance;
use crate::deliver::event::{Fit, METRICS};
use crate::deliver::weather::{Mishap, Weather};

/// A sink, and how a receiver names an event.
pub(crate) type Owed = (&'static str, RowId);

/// Sees everything, and notes what must never be.
#[derive(Debug)]
pub(crate) struct Witness {
    pub(crate) chance: Chance,
    /// How each receiver fares.
    pub(crate) weather: BTreeMap<&'static str, Weather>,
    /// Whether calls to the store fail now and then.
    pub(crate) is_rough: bool,
    /// What must never be.
    pub(crate) faults: Vec<String>,
    /// Every event that was ever stored or may have been.
    pub(crate) events: BTreeMap<RowId, Fit>,
    /// Those of them that may have been deleted.
    pub(crate) gone: BTreeSet<RowId>,
    /// Those of them of which a person was told that they are.
    pub(crate) deleted: BTreeSet<RowId>,
    /// As which bytes an event was first sent.
    texts: BTreeMap<Owed, String>,
    /// How often a receiver took an event.
    taken: BTreeMap<Owed, u32>,
    /// Whose work each delivery is.
    held: HashMap<Owed, Lease>,
    /// Settled as sent, and durable.
    pub(crate) sent: BTreeSet<Owed>,
    /// Sinks whose pause was answered.
    pub(crate) paused: BTreeSet<&'static str>,
    /// Times that something was taken again.
    pub(crate) repeats: u64,
    /// Settlements that came too late.
    pub(crate) late: u64,
    /// Requests that were answered with a failure, or not at all.
    pub(crate) failed_requests: u64,
}

impl Witness {
    pub(crate) fn new(chance: Chance) -> Self {
        Self {
            chance,
            weather: BTreeMap::new(),
            is_rough: true,
            faults: Vec::new(),
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

    pub(crate) fn fault(&mut self, what: String) {
        self.faults.push(what);
    }

    /// The number of the next event, from 1.
    pub(crate) fn numbers(&self) -> u64 {
        self.events.len() as u64 + 1
    }

    /// What happens to the next request to that sink's receiver.
    pub(crate) fn mishap(&mut self, sink: &'static str) -> Mishap {
        let weather = self.weather.get(sink).copied().unwrap_or(Weather::Calm);
        let mishap = weather.mishap(&mut self.chance);
        self.failed_requests += u64::from(mishap != Mishap::Nothing);
        mishap
    }

    /// How often a sink's receiver has the event.
    pub(crate) fn times(&self, owed: Owed) -> u32 {
        self.taken.get(&owed).copied().unwrap_or(0)
    }

    /// How often anything was taken.
    pub(crate) fn taken_in_all(&self) -> u64 {
        self.taken.values().map(|times| u64::from(*times)).sum()
    }

    /// A receiver is given an event, as this text.
    pub(crate) fn offered(&mut self, (sink, event): Owed, text: &str) {
        match self.events.get(&event) {
            Some(fit) if fit.is_for(sink) => {}
            _ => self.fault(format!("{sink} was sent {event}, which was never routed to it")),
        }
        let before = self.texts.entry((sink, event)).or_insert_with(|| text.to_owned());
        if before != text {
            let fault = format!("{sink} was sent {event} again as other bytes: {before} {text}");
            self.fault(fault);
        }
    }

    /// A receiver takes an event.
    pub(crate) fn take(&mut self, owed: Owed) {
        let times = self.taken.entry(owed).or_default();
        *times += 1;
        if *times > 1 {
            self.repeats += 1;
            if owed.0 == METRICS {
                self.fault(format!("{owed:?} went twice to a receiver that cannot tell"));
            }
        }
    }

    /// A lease was given, with the event or, if it is deleted, without.
    pub(crate) fn leased(&mut self, owed: Owed, lease: Lease, now_ms: i64, is_there: bool) {
        if is_there && self.deleted.contains(&owed.1) {
            self.fault(format!("{} was given {}, which is deleted", owed.0, owed.1));
        }
        if self.paused.contains(owed.0) {
            self.fault(format!("{} is paused and was given {}", owed.0, owed.1));
        }
        if self.sent.contains(&owed) {
            self.fault(format!("{} has {} and was given it again", owed.0, owed.1));
        }
        let before = self.held.insert(owed, lease);
        if before.is_some_and(|before| before.until_ms > now_ms) {
            self.fault(format!("{owed:?} was leased while someone held it"));
        }
    }

    /// A settlement took effect (I4).
    pub(crate) fn settled(&mut self, owed: Owed, lease: Lease, now_ms: i64, is_sent: bool) {
        let held = self.held.remove(&owed);
        if held != Some(lease) || lease.until_ms <= now_ms {
            self.fault(format!("{owed:?} was settled with another lease than {held:?}"));
        }
        if is_sent {
            if self.times(owed) == 0 {
                self.fault(format!("{owed:?} was settled as sent and never taken"));
            }
            self.sent.insert(owed);
        }
    }

    /// The lease that a delivery is held with.
    pub(crate) fn holder(&self, owed: Owed) -> Option<Lease> {
        self.held.get(&owed).copied()
    }

    /// A person paused that sink, or resumed it, and was told so.
    pub(crate) fn set_paused(&mut self, sink: &'static str, is_paused: bool) {
        if is_paused {
            self.paused.insert(sink);
        } else {
            self.paused.remove(sink);
        }
    }

    /// Events received before this week may be deleted from here on.
    pub(crate) fn lose_before(&mut self, week: Week) {
        let old = self.events.keys().filter(|id| Week::of_row(**id) < week);
        self.gone.extend(old);
    }

    /// They are deleted.
    pub(crate) fn lost(&mut self) {
        self.deleted.clone_from(&self.gone);
    }

    /// Leases end with the process.
    pub(crate) fn restarted(&mut self) {
        self.held.clear();
    }
}
