//! The backends that the laws are run on.

use std::sync::Arc;

use lamplight_server::store::sqlite::{SqliteIntake, SqliteStore, WriterLimits};
use lamplight_server::store::{Deliveries, Intake, Store};

/// One backend, fresh, with its data in a temporary place.
pub(crate) struct Backend {
    dir: tempfile::TempDir,
    pub(crate) intake: Arc<dyn Intake>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) deliveries: Arc<dyn Deliveries>,
}

impl Backend {
    /// The embedded one.
    pub(crate) fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        open(dir)
    }

    /// The same data after its process is gone.
    pub(crate) async fn reopened(self) -> Self {
        let Self { dir, intake, store, deliveries } = self;
        intake.close().await.unwrap();
        store.close().await.unwrap();
        drop((intake, store, deliveries));
        open(dir)
    }
}

fn open(dir: tempfile::TempDir) -> Backend {
    let limits = WriterLimits::default();
    let intake = Arc::new(SqliteIntake::open(&dir.path().join("intake.db"), limits).unwrap());
    let store = Arc::new(SqliteStore::open(&dir.path().join("store.db"), limits).unwrap());
    let deliveries: Arc<dyn Deliveries> = Arc::clone(&store) as Arc<dyn Deliveries>;
    Backend { dir, intake, store, deliveries }
}

/// Runs each law on each backend.
#[macro_export]
macro_rules! laws {
    ($($law:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $law() {
                super::$law($crate::store::backend::Backend::sqlite()).await;
            })+
        }
    };
}
