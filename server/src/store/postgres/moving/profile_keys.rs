//! The keys of profiles whose versions a week has. The database keeps hashes of them there.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use uuid::Uuid;

use crate::store::moving::Value;
use crate::store::postgres::columns::{get, hash, text_or_null};
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::partitions;
use crate::store::{ProfileKey, Week};

/// The keys of a week, by their hashes.
#[derive(Debug, Default)]
pub(super) struct ProfileKeys(HashMap<Uuid, String>);

impl ProfileKeys {
    /// Reads the keys of a week. A profile that was deleted may still have versions, to which only
    /// events of its user refer.
    pub(super) async fn read(transaction: &Transaction<'_>, week: Week) -> Result<Self, Failure> {
        let versions = partitions::name("profile_versions", week);
        let sql = format!(
            "SELECT v.key, s.key_text FROM (SELECT DISTINCT key FROM {versions}) AS v \
             LEFT JOIN profile_states AS s ON s.key = v.key"
        );
        let (mut keys, mut is_complete) = (HashMap::new(), true);
        for row in transaction.query(&sql, &[]).await? {
            match text_or_null(&row, 1)? {
                Some(key) => drop(keys.insert(get(&row, 0)?, key)),
                None => is_complete = false,
            }
        }
        if !is_complete {
            let events = partitions::name("events", week);
            let sql = format!(
                "SELECT DISTINCT user_id, anonymous_id FROM {events} WHERE profile_revision IS NOT NULL"
            );
            for row in transaction.query(&sql, &[]).await? {
                let (user, anonymous) = (text_or_null(&row, 0)?, text_or_null(&row, 1)?);
                if let Some(key) = ProfileKey::new(user.as_deref(), anonymous.as_deref()) {
                    let key = key.to_string();
                    keys.insert(hash(&key), key);
                }
            }
        }
        Ok(Self(keys))
    }

    /// The key with a hash.
    pub(super) fn of_hash(&self, hash: &Value) -> Option<Value> {
        let hash = Uuid::from_slice(hash.bytes()?).ok()?;
        self.0.get(&hash).map(|key| Value::Text(key.clone()))
    }
}
