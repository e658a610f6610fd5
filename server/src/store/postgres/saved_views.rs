//! Saved views of the console, behind the trait.

use std::sync::Arc;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::columns::{count, get, text};
use super::connection::failure::Failure;
use super::locks::Lock;
use super::store::PostgresStore;
use super::text::kept;
use crate::store::saved_views::SAVED_VIEWS_MAX;
use crate::store::{Answer, SavedView, SavedViews};

const LIST: &str = "SELECT page, name, query, made_ms FROM saved_views WHERE page = $1";
const OTHERS: &str = "SELECT count(*) FROM saved_views WHERE page = $1 AND name <> $2";
const SAVE: &str = "INSERT INTO saved_views (page, name, query, made_ms) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (page, name) DO UPDATE SET query = excluded.query, made_ms = excluded.made_ms";
const DELETE: &str = "DELETE FROM saved_views WHERE page = $1 AND name = $2";

fn read(row: &Row) -> Result<SavedView, Failure> {
    Ok(SavedView {
        page: text(row, 0)?,
        name: text(row, 1)?,
        query: text(row, 2)?,
        made_ms: get(row, 3)?,
    })
}

async fn save(transaction: &Transaction<'_>, view: &SavedView) -> Result<bool, Failure> {
    Lock::SavedViews.take(transaction).await?;
    let (page, name) = (kept(&view.page), kept(&view.name));
    let others = transaction.prepare_cached(OTHERS).await?;
    let others = count(&transaction.query_one(&others, &[&page, &name]).await?, 0)?;
    if others >= u64::from(SAVED_VIEWS_MAX) {
        return Ok(false);
    }
    let save = transaction.prepare_cached(SAVE).await?;
    transaction.execute(&save, &[&page, &name, &kept(&view.query), &view.made_ms]).await?;
    Ok(true)
}

impl SavedViews for PostgresStore {
    fn list(&self, page: String) -> Answer<'_, Vec<SavedView>> {
        Box::pin(self.database.read("read the saved views", move |snapshot| {
            Box::pin(async move {
                let list = snapshot.prepare_cached(LIST).await?;
                let rows = snapshot.query(&list, &[&kept(&page)]).await?;
                let mut views = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
                // The order of a database depends on its language.
                views.sort_by(|a, b| a.name.cmp(&b.name));
                Ok(views)
            })
        }))
    }

    fn save(&self, view: SavedView) -> Answer<'_, bool> {
        let view = Arc::new(view);
        Box::pin(self.database.transact("save a view", move |transaction| {
            let view = Arc::clone(&view);
            Box::pin(async move { save(transaction, &view).await })
        }))
    }

    fn delete(&self, page: String, name: String) -> Answer<'_, bool> {
        let view = Arc::new((page, name));
        Box::pin(self.database.transact("delete a view", move |transaction| {
            let view = Arc::clone(&view);
            Box::pin(async move {
                let delete = transaction.prepare_cached(DELETE).await?;
                let (page, name) = (kept(&view.0), kept(&view.1));
                Ok(transaction.execute(&delete, &[&page, &name]).await? > 0)
            })
        }))
    }
}
