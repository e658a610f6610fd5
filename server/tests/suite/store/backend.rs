//! The backends that the laws are run on.

use std::path::Path;
use std::sync::Arc;

use lamplight_server::store::WriterLimits;
use lamplight_server::store::postgres;
use lamplight_server::store::shard_map::ShardMap;
use lamplight_server::store::shards::{FixedMap, Shard, Shards};
use lamplight_server::store::sqlite::{self, SqliteIntake, SqliteStore};
use lamplight_server::store::{Opening, Route, Storage};
use lamplight_server::system::supervisor::Supervisor;

use crate::harness::postgres::{TestDatabase, urls};
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
    /// Two backends in memory, as one.
    MemoryShards([Memory; 2]),
    #[cfg_attr(not(unix), allow(dead_code))]
    Postgres(TestDatabase),
    /// Two databases, as one.
    #[cfg_attr(not(unix), allow(dead_code))]
    Shards([TestDatabase; 2]),
}

impl Data {
    async fn open(&self, routes: Vec<Route>) -> Storage {
        match self {
            Self::Folder(folder) => open_sqlite(folder.path(), routes),
            Self::Memory(memory) => memory.open(routes),
            Self::Postgres(database) => open_postgres(&database.url, routes).await,
            Self::MemoryShards([one, two]) => shards([one.open(routes.clone()), two.open(routes)]),
            Self::Shards([one, two]) => shards([
                open_postgres(&one.url, routes.clone()).await,
                open_postgres(&two.url, routes).await,
            ]),
        }
    }
}

impl Backend {
    /// SQLite, empty, with no sinks.
    pub(crate) async fn sqlite() -> Self {
        Self::new(Data::Folder(tempfile::tempdir().unwrap())).await
    }

    /// The backend in memory, empty, with no sinks.
    pub(crate) async fn memory() -> Self {
        Self::new(Data::Memory(Memory::default())).await
    }

    /// PostgreSQL, empty, with no sinks.
    #[cfg(unix)]
    pub(crate) async fn postgres() -> Self {
        Self::new(Data::Postgres(TestDatabase::create().await)).await
    }

    /// Two backends in memory that are one storage, empty, with no sinks.
    pub(crate) async fn memory_shards() -> Self {
        Self::new(Data::MemoryShards(Default::default())).await
    }

    /// Two databases that are one storage, empty, with no sinks.
    #[cfg(unix)]
    pub(crate) async fn shards() -> Self {
        let databases = [TestDatabase::create().await, TestDatabase::create().await];
        Self::new(Data::Shards(databases)).await
    }

    async fn new(data: Data) -> Self {
        Self { storage: data.open(Vec::new()).await, data }
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
        Self { storage: data.open(routes).await, data }
    }
}

/// Two storages as one, each with every other bucket.
pub(crate) fn shards(both: [Storage; 2]) -> Storage {
    let all = (1..).zip(both).map(|(number, storage)| Shard { number, storage });
    let map = FixedMap(Arc::new(ShardMap::even(&[1, 2])));
    Shards::storage(all.collect(), Arc::new(map)).unwrap()
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

pub(crate) async fn open_postgres(url: &str, routes: Vec<Route>) -> Storage {
    let (limits, opening) = (WriterLimits::default(), Opening::Serve(routes));
    postgres::open_as(&urls(url), limits, opening, &Supervisor::default()).await.unwrap()
}

/// Runs each law on each backend, and each property, which opens a backend for each of its random
/// cases. Tests have PostgreSQL on Unix only.
#[macro_export]
macro_rules! laws {
    ($($law:ident),+ $(,)? $(; properties: $($property:ident),+)?) => {
        $crate::laws!(sqlite: $($law),+ $(; $($property),+)?);
        $crate::laws!(memory: $($law),+ $(; $($property),+)?);
        $crate::laws!(memory_shards: $($law),+ $(; $($property),+)?);
        #[cfg(unix)]
        $crate::laws!(postgres: $($law),+ $(; $($property),+)?);
        #[cfg(unix)]
        $crate::laws!(shards: $($law),+ $(; $($property),+)?);
    };
    ($backend:ident: $($law:ident),+ $(; $($property:ident),+)?) => {
        mod $backend {
            $(#[tokio::test]
            async fn $law() {
                super::$law($crate::store::backend::Backend::$backend().await).await;
            })+

            $($(#[test]
            fn $property() {
                super::$property($crate::store::backend::Backend::$backend);
            })+)?
        }
    };
}
