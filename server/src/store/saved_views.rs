//! Filters of the console's lists that were saved under a name.

use super::Answer;

/// Most views that one page has.
pub const SAVED_VIEWS_MAX: u32 = 100;

/// A filter that was saved under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedView {
    /// The page that it is of.
    pub page: String,
    /// Its name, which is unique on its page.
    pub name: String,
    /// The filter, as the query string of the page.
    pub query: String,
    /// When it was saved, in milliseconds since 1970.
    pub made_ms: i64,
}

/// The saved views.
pub trait SavedViews: Send + Sync + 'static {
    /// The views of a page, by name.
    fn list(&self, page: String) -> Answer<'_, Vec<SavedView>>;

    /// Saves a view in place of the one with its name, if there is one. Changes nothing and returns
    /// `false` if its page has [`SAVED_VIEWS_MAX`] others.
    fn save(&self, view: SavedView) -> Answer<'_, bool>;

    /// Deletes the view of this page with this name. Whether there was one.
    fn delete(&self, page: String, name: String) -> Answer<'_, bool>;
}
