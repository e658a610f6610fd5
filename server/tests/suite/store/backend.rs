//! The backends that the laws are run on.

use std::path::Path;

use lamplight_server::store::sqlite::{self, SqliteIntake, SqliteStore, WriterLimits};
use lamplight_server::store::{Route, Storage};
use lamplight_server::system::supervisor::Supervisor;

use crate::store::memory::Memory;

/// One backend, opened, with data of its own.
pub(crate) struct Backend {
    pub(crate) storage: Storage,
    data: Data,
}

/// Where a backend keeps its data.
enum Data {
    Folder(tempfile::TempDir),
    Memory(Memory),
}

impl Data {
    fn open(&self, routes: Vec<Route>) -> Storage {
        match self {
            Self::Folder(folder) => open_sqlite(folder.path(), routes),
            Self::Memory(memory) => memory.open(routes),
        }
    }
}

impl Backend {
    /// SQLite, empty, with no sinks.
    pub(crate) fn sqlite() -> Self {
        Self::new(Data::Folder(tempfile::tempdir().unwrap()))
    }

    /// The backend in memory, empty, with no sinks.
    pub(crate) fn memory() -> Self {
        Self::new(Data::Memory(Memory::default()))
    }

    fn new(data: Data) -> Self {
        Self { storage: data.open(Vec::new()), data }
    }

    /// The same data, opened by another process with no sinks.
    pub(crate) async fn reopened(self) -> Self {
        self.reopened_with(Vec::new()).await
    }

    /// The same data, opened by another process with these sinks.
    pub(crate) async fn reopened_with(self, routes: Vec<Route>) -> Self {
        let Self { storage, data } = self;
        storage.close().await.unwrap();
        drop(storage);
        Self { storage: data.open(routes), data }
    }
}

fn open_sqlite(folder: &Path, routes: Vec<Route>) -> Storage {
    let limits = WriterLimits::default();
    let intake =
        SqliteIntake::open(&folder.join("intake.db"), limits, &Supervisor::default()).unwrap();
    let store = SqliteStore::open(&folder.join("store.db"), limits, routes).unwrap();
    // The binary of these tests cannot run statements.
    let program = Path::new(env!("CARGO_BIN_EXE_lamplight")).to_owned();
    sqlite::storage(intake, store.with_sql_program(program))
}

/// Runs each law on each backend.
#[macro_export]
macro_rules! laws {
    ($($law:ident),+ $(,)?) => {
        $crate::laws!(sqlite: $($law),+);
        $crate::laws!(memory: $($law),+);
    };
    ($backend:ident: $($law:ident),+) => {
        mod $backend {
            $(#[tokio::test]
            async fn $law() {
                super::$law($crate::store::backend::Backend::$backend()).await;
            })+
        }
    };
}
