//! The backends that the laws are run on.

use std::sync::Arc;

use lamplight_server::store::sqlite::{SqliteIntake, SqliteStore, WriterLimits};
use lamplight_server::store::{Intake, Store};

/// One backend, fresh, with its data in a temporary place.
pub(crate) struct Backend {
    dir: tempfile::TempDir,
    pub(crate) intake: Arc<dyn Intake>,
    pub(crate) store: Arc<dyn Store>,
}

impl Backend {
    /// The embedded one.
    pub(crate) fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (intake, store) = open(&dir);
        Self { dir, intake, store }
    }

    /// The same data after its process is gone.
    pub(crate) async fn reopened(self) -> Self {
        let Self { dir, intake, store } = self;
        intake.close().await.unwrap();
        store.close().await.unwrap();
        drop((intake, store));
        let (intake, store) = open(&dir);
        Self { dir, intake, store }
    }
}

fn open(dir: &tempfile::TempDir) -> (Arc<dyn Intake>, Arc<dyn Store>) {
    let limits = WriterLimits::default();
    (
        Arc::new(SqliteIntake::open(&dir.path().join("intake.db"), limits).unwrap()),
        Arc::new(SqliteStore::open(&dir.path().join("store.db"), limits).unwrap()),
    )
}

/// Runs each law on each backend.
#[macro_export]
macro_rules! laws {
    ($($law:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $law() {
                super::$law($crate::backend::Backend::sqlite()).await;
            })+
        }
    };
}
