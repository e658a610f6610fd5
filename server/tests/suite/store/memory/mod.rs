//! A backend in memory, for tests: every trait of storage over maps. Nothing of it is durable.
//!
//! It shows what a third backend takes. Each file here is named after the trait that it implements,
//! and the backend has to bring exactly this:
//!
//! - **Tables.** [`payload_queue::IntakeTables`] and [`events::EventTables`] list them all:
//!   payloads, their queue and replays on one side, rows of events, outcomes, ledgers, profiles,
//!   counts, deliveries, keys, saved views, trends, alerts and tallies on the other. The two sides
//!   never share a transaction, so they may be different databases.
//! - **Transactions.** A method that changes anything changes all of it or nothing, and it is
//!   durable when the method returns ([`tables::Tables::write`]).
//! - **Leases.** A backend finds what is due. [`FairShare`] decides how much of it one lease gets.
//! - **Applying.** A backend reads what [`apply::Wanted`] names and writes what [`apply::Writes`]
//!   holds. [`apply::decide`] and [`apply::replay`] decide everything in between.
//! - **Deliveries.** [`DeliveryEnding`] says what a settled delivery becomes and [`RetryAsk`] when
//!   a dead letter is due again. A backend moves rows between queue, log and dead letters.
//! - **Trends.** [`Sample::measure`] says what a sample adds, [`trend::add`] adds it, and
//!   [`Sample::kept_ms`] says which periods are deleted.
//! - **Tallies.** [`TallyChange`] says what a transaction adds to counts, [`Counts`] what a row
//!   holds, [`TallyKey::admitted`] how many rows there are, and [`PropertyFacts`] what is known of
//!   properties.
//! - **Pruning.** [`RetentionLimits`] says which weeks and which rows are deleted.
//! - **Reading.** Lists filtered by [`EventFilter`], newest first, with a cursor for the next page.
//!   A database also needs an index for each filter and a limit of rows to look at; a map needs
//!   neither.
//! - **Starting.** [`Memory::open`] ends the leases and stops of an earlier process and records the
//!   sinks.
//!
//! A third backend is done when it has a constructor in `Backend`, a line in `laws!` and a
//! `Machine` for the simulations, and all of them pass.
//!
//! [`FairShare`]: lamplight_server::store::fair_share::FairShare
//! [`apply::Wanted`]: lamplight_server::store::apply::Wanted
//! [`apply::Writes`]: lamplight_server::store::apply::Writes
//! [`apply::decide`]: lamplight_server::store::apply::decide
//! [`apply::replay`]: lamplight_server::store::apply::replay
//! [`DeliveryEnding`]: lamplight_server::store::DeliveryEnding
//! [`RetryAsk`]: lamplight_server::store::RetryAsk
//! [`RetentionLimits`]: lamplight_server::store::RetentionLimits
//! [`EventFilter`]: lamplight_server::store::EventFilter
//! [`Sample::measure`]: lamplight_server::store::Sample::measure
//! [`Sample::kept_ms`]: lamplight_server::store::Sample::kept_ms
//! [`TallyChange`]: lamplight_server::store::tally::TallyChange
//! [`Counts`]: lamplight_server::store::Counts
//! [`TallyKey::admitted`]: lamplight_server::store::tally::TallyKey::admitted
//! [`PropertyFacts`]: lamplight_server::store::PropertyFacts
//! [`trend::add`]: lamplight_server::store::trend::add

mod alerts;
mod archive;
mod database;
mod deliveries;
mod delivery_queue;
mod events;
mod keys;
mod payload_queue;
mod read;
mod reader;
mod replays;
mod rows;
mod saved_views;
mod sessions;
mod tables;
mod tallies;
mod trends;

use std::sync::{Arc, Mutex};

use lamplight_server::store::{Alone, Route, Storage};

use crate::store::machine::{Crash, Doing, EventStorage, Machine};
use events::{EventTables, MemoryEvents};
use payload_queue::{IntakeTables, MemoryIntake};

/// The data of a server, which outlives the handles that a process opens on it.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    intake: Arc<Mutex<IntakeTables>>,
    events: Arc<Mutex<EventTables>>,
}

impl Memory {
    /// Opens the data as a new process would, with these sinks.
    pub(crate) fn open(&self, routes: Vec<Route>) -> Storage {
        let intake = Arc::new(MemoryIntake::open(Arc::clone(&self.intake)));
        let events = self.open_events(routes);
        Storage {
            lease_clock: None,
            payload_queue: Arc::<MemoryIntake>::clone(&intake),
            archive: Arc::<MemoryIntake>::clone(&intake),
            replays: Arc::<MemoryIntake>::clone(&intake),
            events: Arc::<MemoryEvents>::clone(&events),
            reader: Arc::<MemoryEvents>::clone(&events),
            keys: Arc::<MemoryEvents>::clone(&events),
            saved_views: Arc::<MemoryEvents>::clone(&events),
            sessions: Arc::<MemoryEvents>::clone(&events),
            delivery_queue: Arc::<MemoryEvents>::clone(&events),
            trends: Arc::<MemoryEvents>::clone(&events),
            alerts: Arc::<MemoryEvents>::clone(&events),
            tallies: Arc::<MemoryEvents>::clone(&events),
            peers: Arc::new(Alone),
            intake_database: intake,
            events_database: events,
        }
    }

    fn open_events(&self, routes: Vec<Route>) -> Arc<MemoryEvents> {
        Arc::new(MemoryEvents::open(Arc::clone(&self.events), routes))
    }
}

/// A new machine that keeps everything in memory. A crash takes the process and nothing else.
pub(crate) fn in_memory() -> Box<dyn Machine> {
    Box::<MemoryMachine>::default()
}

/// See [`in_memory`].
#[derive(Default)]
struct MemoryMachine {
    memory: Memory,
    has_failed: bool,
}

impl Machine for MemoryMachine {
    fn open(&mut self, routes: Vec<Route>) -> Doing<'_, Option<Storage>> {
        self.has_failed = false;
        let storage = self.memory.open(routes);
        Box::pin(async { Some(storage) })
    }

    fn open_events(&mut self, routes: Vec<Route>) -> Doing<'_, Option<EventStorage>> {
        self.has_failed = false;
        let events = self.memory.open_events(routes);
        let storage = EventStorage {
            events: Arc::<MemoryEvents>::clone(&events),
            delivery_queue: Arc::<MemoryEvents>::clone(&events),
            database: events,
        };
        Box::pin(async { Some(storage) })
    }

    /// Fails at once: there are no operations to count.
    fn fail_after(&mut self, _: u64) {
        self.has_failed = true;
    }

    fn has_failed(&self) -> bool {
        self.has_failed
    }

    fn crash(&mut self, _: Crash) -> Doing<'_, ()> {
        self.has_failed = true;
        Box::pin(async {})
    }

    fn faults(&self) -> Doing<'_, Vec<String>> {
        Box::pin(async { Vec::new() })
    }
}
