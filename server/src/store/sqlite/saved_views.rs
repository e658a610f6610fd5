//! Saved views of the console, behind the trait.

use rusqlite::{Connection, params};

use super::store::SqliteStore;
use super::writer::step::Guard;
use crate::store::read_class::ReadClass;
use crate::store::saved_views::SAVED_VIEWS_MAX;
use crate::store::{Answer, SavedView, SavedViews};

fn list(connection: &Connection, page: &str) -> rusqlite::Result<Vec<SavedView>> {
    connection
        .prepare_cached(
            "SELECT page, name, query, made_ms FROM saved_views WHERE page = ?1 ORDER BY name",
        )?
        .query_map([page], |row| {
            Ok(SavedView {
                page: row.get(0)?,
                name: row.get(1)?,
                query: row.get(2)?,
                made_ms: row.get(3)?,
            })
        })?
        .collect()
}

fn save(connection: &Connection, view: &SavedView) -> rusqlite::Result<bool> {
    let others: u32 = connection
        .prepare_cached("SELECT count(*) FROM saved_views WHERE page = ?1 AND name <> ?2")?
        .query_row(params![view.page, view.name], |row| row.get(0))?;
    if others >= SAVED_VIEWS_MAX {
        return Ok(false);
    }
    connection
        .prepare_cached(
            "INSERT INTO saved_views (page, name, query, made_ms) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (page, name) DO UPDATE SET query = excluded.query, \
             made_ms = excluded.made_ms",
        )?
        .execute(params![view.page, view.name, view.query, view.made_ms])?;
    Ok(true)
}

impl SavedViews for SqliteStore {
    fn list(&self, page: String) -> Answer<'_, Vec<SavedView>> {
        let doing = "read the saved views";
        Box::pin(self.readers.read(ReadClass::Summary, doing, move |files| list(files, &page)))
    }

    fn save(&self, view: SavedView) -> Answer<'_, bool> {
        Box::pin(
            self.writer.write("save a view", Guard::Alone, 0, move |files, _| save(files, &view)),
        )
    }

    fn delete(&self, page: String, name: String) -> Answer<'_, bool> {
        Box::pin(self.writer.write("delete a view", Guard::Alone, 0, move |files, _| {
            let deleted = files
                .prepare_cached("DELETE FROM saved_views WHERE page = ?1 AND name = ?2")?
                .execute(params![page, name])?;
            Ok(deleted > 0)
        }))
    }
}
