//! The machine that a simulated server runs on: where its data is, and what a crash leaves of it.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use lamplight_faulty_disk::Disk;
use lamplight_server::store::WriterLimits;
use lamplight_server::store::sqlite::{self, OpenError, SqliteStore};
use lamplight_server::store::{Database, DeliveryQueue, Events, Route, Storage};
use tokio::runtime::{Builder, Runtime};

use crate::store::sqlite::runs::checker;

/// What a crash takes: the process, or with it everything that was not synced.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Crash {
    Kill,
    /// The seed decides which unsynced writes are lost.
    PowerCut(u64),
}

/// The part of storage that delivering uses.
#[derive(Clone)]
pub(crate) struct EventStorage {
    pub(crate) events: Arc<dyn Events>,
    pub(crate) delivery_queue: Arc<dyn DeliveryQueue>,
    pub(crate) database: Arc<dyn Database>,
}

/// Work of a machine, which may have to wait for a database.
pub(crate) type Doing<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A machine whose server may crash.
pub(crate) trait Machine {
    /// Opens everything that a server stores. `None` if the machine failed meanwhile.
    fn open(&mut self, routes: Vec<Route>) -> Doing<'_, Option<Storage>>;

    /// Opens events and deliveries alone. `None` if the machine failed meanwhile.
    fn open_events(&mut self, routes: Vec<Route>) -> Doing<'_, Option<EventStorage>>;

    /// Fails from the nth operation on, counted from now.
    fn fail_after(&mut self, operations: u64);

    /// Ends all connections, if there are any, at the nth operation from now. New ones work.
    fn break_after(&mut self, _: u64) {}

    /// Whether it failed, so that the server cannot go on.
    fn has_failed(&self) -> bool;

    /// Ends when it fails, if storage would try for longer than a test should wait.
    fn failed(&self) -> Doing<'static, ()> {
        Box::pin(std::future::pending())
    }

    /// Keeps what a crash leaves at this moment. The next server opens that.
    fn crash(&mut self, crash: Crash) -> Doing<'_, ()>;

    /// What is wrong with the data at rest.
    fn faults(&self) -> Doing<'_, Vec<String>>;
}

/// Where storage works for simulations whose own runtime stands still while they wait for it.
pub(crate) static STORAGE_RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

/// A new machine with SQLite files on a disk that loses what was not synced.
pub(crate) fn on_disk() -> Box<dyn Machine> {
    Box::new(DiskMachine::new())
}

/// See [`on_disk`].
struct DiskMachine {
    root: tempfile::TempDir,
    crashes: u32,
    disk: Disk,
    /// Whether the disk is the one that crashed, and not yet the one that has what is left.
    is_down: bool,
}

impl DiskMachine {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("0");
        std::fs::create_dir(&folder).unwrap();
        let disk = Disk::watch(&folder).unwrap();
        Self { root, crashes: 0, disk, is_down: false }
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join(self.crashes.to_string())
    }

    /// The folder to open, on a disk that works.
    fn boot(&mut self) -> PathBuf {
        let folder = self.folder();
        if std::mem::take(&mut self.is_down) {
            self.disk = Disk::watch(&folder).unwrap();
        }
        folder
    }

    fn opened<T>(&self, opened: Result<T, OpenError>) -> Option<T> {
        if let Err(error) = &opened {
            assert!(self.disk.is_cut(), "opening failed on a disk that works: {error:?}");
        }
        opened.ok()
    }
}

impl Machine for DiskMachine {
    fn open(&mut self, routes: Vec<Route>) -> Doing<'_, Option<Storage>> {
        let folder = self.boot();
        let (intake, store) = (folder.join("intake.db"), folder.join("store.db"));
        let storage = self.opened(sqlite::open(&intake, &store, WriterLimits::default(), routes));
        Box::pin(async { storage })
    }

    fn open_events(&mut self, routes: Vec<Route>) -> Doing<'_, Option<EventStorage>> {
        let path = self.boot().join("store.db");
        let store = SqliteStore::open(&path, WriterLimits::default(), routes);
        let store = self.opened(store).map(Arc::new);
        let storage = store.map(|store| EventStorage {
            events: Arc::<SqliteStore>::clone(&store),
            delivery_queue: Arc::<SqliteStore>::clone(&store),
            database: store,
        });
        Box::pin(async { storage })
    }

    fn fail_after(&mut self, operations: u64) {
        self.disk.cut_after(operations);
    }

    fn has_failed(&self) -> bool {
        self.disk.is_cut()
    }

    fn crash(&mut self, crash: Crash) -> Doing<'_, ()> {
        self.disk.cut();
        self.crashes += 1;
        let folder = self.folder();
        std::fs::create_dir(&folder).unwrap();
        match crash {
            Crash::Kill => self.disk.after_kill(&folder).unwrap(),
            Crash::PowerCut(seed) => self.disk.after_power_cut(seed, &folder).unwrap(),
        }
        self.is_down = true;
        Box::pin(async {})
    }

    fn faults(&self) -> Doing<'_, Vec<String>> {
        let folder = self.folder();
        let mut faults = checker::faults(&folder);
        // Delivery is simulated without payloads.
        if folder.join("intake.db").exists() {
            faults.extend(crate::backup::violations(&folder));
        }
        Box::pin(async { faults })
    }
}
