//! The backends that the laws are run on.

use std::path::Path;

use lamplight_server::store::sqlite::{self, WriterLimits};
use lamplight_server::store::{Route, Storage};

/// One backend, fresh, with its data in a temporary place.
pub(crate) struct Backend {
    dir: tempfile::TempDir,
    pub(crate) storage: Storage,
}

impl Backend {
    /// The embedded one, with no sinks.
    pub(crate) fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let storage = open(dir.path(), Vec::new());
        Self { dir, storage }
    }

    /// The same data, opened by another process with the same configuration: no sinks.
    pub(crate) async fn reopened(self) -> Self {
        self.reopened_with(Vec::new()).await
    }

    /// The same data, opened by another process that has these sinks.
    pub(crate) async fn reopened_with(self, routes: Vec<Route>) -> Self {
        let Self { dir, storage } = self;
        storage.close().await.unwrap();
        drop(storage);
        let storage = open(dir.path(), routes);
        Self { dir, storage }
    }
}

fn open(folder: &Path, routes: Vec<Route>) -> Storage {
    let limits = WriterLimits::default();
    sqlite::open(&folder.join("intake.db"), &folder.join("store.db"), limits, routes).unwrap()
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
