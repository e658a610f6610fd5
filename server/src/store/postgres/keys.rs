//! Keys, behind the trait.

use std::sync::Arc;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::columns::{big, get, text, text_or_null};
use super::connection::failure::Failure;
use super::locks::Lock;
use super::notices::news::News;
use super::store::PostgresStore;
use super::text::kept;
use crate::store::{Answer, Key, KeyKind, KeyRules, Keys};

const LIST: &str = "SELECT id, kind, source, hash, public_text, made_ms, disabled_ms, origins_json, bytes_per_s, events_per_s \
     FROM keys ORDER BY made_ms, id";
const ADD: &str = "INSERT INTO keys (id, kind, source, hash, public_text, made_ms, disabled_ms, origins_json, bytes_per_s, \
     events_per_s) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING";
const CHANGE: &str = "UPDATE keys SET disabled_ms = $2, origins_json = $3, bytes_per_s = $4, events_per_s = $5 WHERE id = $1";

fn read(row: &Row) -> Result<Key, Failure> {
    let limit = |at| -> Result<Option<u64>, Failure> {
        let limit = get::<Option<i64>>(row, at)?.map(u64::try_from).transpose();
        limit.map_err(|_| Failure::Column("a limit"))
    };
    let hash: &[u8] = get(row, 3)?;
    Ok(Key {
        id: text(row, 0)?,
        kind: KeyKind::from_name(get(row, 1)?).ok_or(Failure::Column("kind"))?,
        source: text(row, 2)?,
        hash: hash.try_into().map_err(|_| Failure::Column("hash"))?,
        public_text: text_or_null(row, 4)?,
        made_ms: get(row, 5)?,
        disabled_ms: get(row, 6)?,
        rules: KeyRules {
            origins: read_origins(get(row, 7)?)?,
            bytes_per_s: limit(8)?,
            events_per_s: limit(9)?,
        },
    })
}

fn write_origins(origins: &[String]) -> Option<String> {
    (!origins.is_empty()).then(|| serde_json::Value::from(origins).to_string())
}

fn read_origins(json: Option<&str>) -> Result<Vec<String>, Failure> {
    let Some(json) = json else { return Ok(Vec::new()) };
    serde_json::from_str(json).map_err(|_| Failure::Column("origins_json"))
}

/// Every key, the oldest first.
async fn all(transaction: &Transaction<'_>) -> Result<Vec<Key>, Failure> {
    transaction.query(LIST, &[]).await?.iter().map(read).collect()
}

/// Adds keys, except those whose hash is there.
async fn add(
    transaction: &Transaction<'_>,
    keys: impl Iterator<Item = &Key>,
) -> Result<(), Failure> {
    let add = transaction.prepare_cached(ADD).await?;
    for key in keys {
        transaction
            .execute(
                &add,
                &[
                    &kept(&key.id),
                    &key.kind.name(),
                    &kept(&key.source),
                    &key.hash.as_slice(),
                    &key.public_text.as_deref().map(kept),
                    &key.made_ms,
                    &key.disabled_ms,
                    &write_origins(&key.rules.origins),
                    &key.rules.bytes_per_s.map(big),
                    &key.rules.events_per_s.map(big),
                ],
            )
            .await?;
    }
    Ok(())
}

async fn change(transaction: &Transaction<'_>, key: &Key) -> Result<bool, Failure> {
    let (origins, rules) = (write_origins(&key.rules.origins), &key.rules);
    let limits = (rules.bytes_per_s.map(big), rules.events_per_s.map(big));
    let change = transaction.prepare_cached(CHANGE).await?;
    let changed = transaction
        .execute(&change, &[&kept(&key.id), &key.disabled_ms, &origins, &limits.0, &limits.1])
        .await?;
    Ok(changed == 1)
}

impl Keys for PostgresStore {
    fn list(&self) -> Answer<'_, Vec<Key>> {
        Box::pin(
            self.database
                .read("read the keys", |snapshot| Box::pin(async move { all(snapshot).await })),
        )
    }

    fn add(&self, keys: Vec<Key>) -> Answer<'_, ()> {
        let keys = Arc::new(keys);
        Box::pin(async move {
            let adding = self.database.transact("add keys", move |transaction| {
                let keys = Arc::clone(&keys);
                Box::pin(async move { add(transaction, keys.iter()).await })
            });
            adding.await?;
            self.notices.publish(News::Keys);
            Ok(())
        })
    }

    fn add_first(&self, keys: Vec<Key>) -> Answer<'_, Vec<KeyKind>> {
        let keys = Arc::new(keys);
        Box::pin(async move {
            let adding = self.database.transact("add the first keys", move |transaction| {
                let keys = Arc::clone(&keys);
                Box::pin(async move {
                    Lock::FirstKeys.take(transaction).await?;
                    let known = all(transaction).await?;
                    let is_first = |key: &&Key| !known.iter().any(|known| known.kind == key.kind);
                    let first: Vec<&Key> = keys.iter().filter(is_first).collect();
                    add(transaction, first.iter().copied()).await?;
                    Ok(first.iter().map(|key| key.kind).collect())
                })
            });
            let added = adding.await?;
            self.notices.publish(News::Keys);
            Ok(added)
        })
    }

    fn change(&self, key: Key) -> Answer<'_, bool> {
        let key = Arc::new(key);
        Box::pin(async move {
            let changing = self.database.transact("change a key", move |transaction| {
                let key = Arc::clone(&key);
                Box::pin(async move { change(transaction, &key).await })
            });
            let is_known = changing.await?;
            self.notices.publish(News::Keys);
            Ok(is_known)
        })
    }
}
