//! Sessions of the console, behind the trait.

use std::sync::Arc;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::columns::{get, text};
use super::connection::failure::Failure;
use super::locks::Lock;
use super::notices::news::News;
use super::store::PostgresStore;
use super::text::kept;
use crate::store::keys::KeyHash;
use crate::store::sessions::SESSIONS_MAX;
use crate::store::{Answer, Session, Sessions};

const LIST: &str = "SELECT hash, key_id, made_ms, expires_ms FROM sessions WHERE expires_ms > $1 \
     ORDER BY expires_ms";
const REMOVE_ENDED: &str = "DELETE FROM sessions WHERE expires_ms <= $1";
const REMOVE_MORE: &str = "DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions \
     ORDER BY expires_ms DESC OFFSET $1)";
const ADD: &str = "INSERT INTO sessions (hash, key_id, made_ms, expires_ms) VALUES ($1, $2, $3, $4) \
     ON CONFLICT DO NOTHING";
const REMOVE: &str = "DELETE FROM sessions WHERE hash = $1";

fn read(row: &Row) -> Result<Session, Failure> {
    let hash: &[u8] = get(row, 0)?;
    Ok(Session {
        hash: hash.try_into().map_err(|_| Failure::Column("hash"))?,
        key_id: text(row, 1)?,
        made_ms: get(row, 2)?,
        expires_ms: get(row, 3)?,
    })
}

async fn add(transaction: &Transaction<'_>, session: &Session) -> Result<(), Failure> {
    Lock::Sessions.take(transaction).await?;
    let remove = transaction.prepare_cached(REMOVE_ENDED).await?;
    transaction.execute(&remove, &[&session.made_ms]).await?;
    let remove = transaction.prepare_cached(REMOVE_MORE).await?;
    transaction.execute(&remove, &[&i64::from(SESSIONS_MAX - 1)]).await?;
    let add = transaction.prepare_cached(ADD).await?;
    let (hash, key) = (session.hash.as_slice(), kept(&session.key_id));
    transaction.execute(&add, &[&hash, &key, &session.made_ms, &session.expires_ms]).await?;
    Ok(())
}

impl Sessions for PostgresStore {
    fn list(&self, now_ms: i64) -> Answer<'_, Vec<Session>> {
        Box::pin(self.database.read("read the sessions", move |snapshot| {
            Box::pin(async move {
                let list = snapshot.prepare_cached(LIST).await?;
                snapshot.query(&list, &[&now_ms]).await?.iter().map(read).collect()
            })
        }))
    }

    fn add(&self, session: Session) -> Answer<'_, ()> {
        let session = Arc::new(session);
        Box::pin(async move {
            let adding = self.database.transact("add a session", move |transaction| {
                let session = Arc::clone(&session);
                Box::pin(async move { add(transaction, &session).await })
            });
            adding.await?;
            self.notices.publish(News::Sessions);
            Ok(())
        })
    }

    fn remove(&self, hash: KeyHash) -> Answer<'_, ()> {
        Box::pin(async move {
            let removing = self.database.transact("remove a session", move |transaction| {
                Box::pin(async move {
                    let remove = transaction.prepare_cached(REMOVE).await?;
                    transaction.execute(&remove, &[&hash.as_slice()]).await?;
                    Ok(())
                })
            });
            removing.await?;
            self.notices.publish(News::Sessions);
            Ok(())
        })
    }
}
