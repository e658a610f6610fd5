//! A machine with two databases in memory that are one storage. Each may take no writes for a
//! while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lamplight_server::metrics::commits::CommitSums;
use lamplight_server::store::{Answer, Database, Route, Storage};

use super::backend::shards;
use super::machine::{Crash, Doing, EventStorage, Machine};
use super::memory::Memory;

/// A new machine. A crash takes the process and nothing else.
pub(crate) fn in_memory_shards() -> Box<dyn Machine> {
    Box::<MemoryShards>::default()
}

/// See [`in_memory_shards`].
#[derive(Default)]
struct MemoryShards {
    shards: [(Memory, Arc<AtomicBool>); 2],
    has_failed: bool,
}

impl MemoryShards {
    fn opened(&mut self, routes: &[Route]) -> Storage {
        self.has_failed = false;
        self.all_up();
        shards([0, 1].map(|at| {
            let (memory, is_down) = &self.shards[at];
            let storage = memory.open(routes.to_vec());
            let switch = |database| Arc::new(Switch { database, is_down: Arc::clone(is_down) });
            Storage {
                intake_database: switch(Arc::clone(&storage.intake_database)),
                events_database: switch(Arc::clone(&storage.events_database)),
                ..storage
            }
        }))
    }

    fn all_up(&self) {
        for (_, is_down) in &self.shards {
            is_down.store(false, Ordering::SeqCst);
        }
    }
}

impl Machine for MemoryShards {
    fn open(&mut self, routes: Vec<Route>) -> Doing<'_, Option<Storage>> {
        let storage = self.opened(&routes);
        Box::pin(async { Some(storage) })
    }

    fn open_events(&mut self, routes: Vec<Route>) -> Doing<'_, Option<EventStorage>> {
        let Storage { events, delivery_queue, events_database: database, .. } =
            self.opened(&routes);
        Box::pin(async { Some(EventStorage { events, delivery_queue, database }) })
    }

    /// Fails at once: there are no operations to count.
    fn fail_after(&mut self, _: u64) {
        self.has_failed = true;
    }

    /// One of the databases takes no writes, until another one does not.
    fn break_after(&mut self, operations: u64) {
        self.all_up();
        if let Some((_, is_down)) = self.shards.get(usize::try_from(operations % 3).unwrap()) {
            is_down.store(true, Ordering::SeqCst);
        }
    }

    fn has_failed(&self) -> bool {
        self.has_failed
    }

    fn crash(&mut self, _: Crash) -> Doing<'_, ()> {
        self.has_failed = true;
        self.all_up();
        Box::pin(async {})
    }

    fn faults(&self) -> Doing<'_, Vec<String>> {
        Box::pin(async { Vec::new() })
    }
}

/// A database that may say that it takes no writes. Nothing is written to it then.
struct Switch {
    database: Arc<dyn Database>,
    is_down: Arc<AtomicBool>,
}

impl Database for Switch {
    fn is_up(&self) -> bool {
        !self.is_down.load(Ordering::SeqCst) && self.database.is_up()
    }

    fn commits(&self) -> CommitSums {
        self.database.commits()
    }

    fn close(&self) -> Answer<'_, ()> {
        self.database.close()
    }
}
