//! The form of the filter, which pages of events share.

use super::filter_query::{Chip, FilterQuery};
use crate::app::App;
use crate::store::{CatalogueQuery, StoreError};

/// Most names that the form suggests.
const NAMES_MAX: u32 = 100;

/// The form of the filter.
#[derive(Debug)]
pub(super) struct FilterForm {
    /// The page that it is on.
    pub(super) path: &'static str,
    pub(super) query: FilterQuery,
    /// Whether it also asks for times, and for how events ended.
    pub(super) has_history: bool,
    /// Names of events that it suggests.
    names: Vec<String>,
}

impl FilterForm {
    /// The form of a list of what was stored.
    pub(super) async fn of_list(
        app: &App,
        path: &'static str,
        query: FilterQuery,
    ) -> Result<Self, StoreError> {
        Ok(Self { path, query, has_history: true, names: names(app).await? })
    }

    /// The form of what arrives.
    pub(super) async fn of_live(
        app: &App,
        path: &'static str,
        query: FilterQuery,
    ) -> Result<Self, StoreError> {
        Ok(Self { path, query, has_history: false, names: names(app).await? })
    }

    pub(super) fn chips(&self) -> Vec<Chip> {
        self.query.chips(self.path)
    }

    pub(super) fn is(&self, name: &str, value: &str) -> bool {
        self.query.value(name) == value
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether fields are used that are not always in sight.
    pub(super) fn uses_more(&self) -> bool {
        let more = ["from", "to", "tz", "on", "state", "producer"];
        more.iter().any(|name| self.query.has(name))
    }

    /// The properties that the filter has already.
    pub(super) fn properties(&self) -> Vec<&(String, String)> {
        self.query.properties().collect()
    }
}

/// The first names of events that there are, each once.
async fn names(app: &App) -> Result<Vec<String>, StoreError> {
    let query =
        CatalogueQuery { source: None, name: None, prefix: None, after: None, limit: NAMES_MAX };
    let page = app.storage.tallies.names(query).await?;
    let mut names: Vec<String> =
        page.names.into_iter().map(|it| it.name).filter(|name| name.len() <= 200).collect();
    names.sort();
    names.dedup();
    names.retain(|name| !name.is_empty());
    Ok(names)
}
