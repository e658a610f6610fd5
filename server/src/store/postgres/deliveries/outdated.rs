//! Traits that leased events set, and that a later event set again or removed.

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use serde_json::Value;
use uuid::Uuid;

use crate::store::postgres::apply::versions;
use crate::store::postgres::columns::{get, hash, row_id, text};
use crate::store::postgres::connection::failure::Failure;
use crate::store::{EventRow, Profile, ProfileKey, ProfileNote, SaidAt, Subject, Word};

/// When these traits of these users were said last.
pub(crate) const SAID: &str = "SELECT key, name, said_ms, event_id FROM profile_states \
     JOIN profile_words ON profile = profile_states.id WHERE key = ANY ($1) AND subject = 0 AND name_hash = ANY ($2)";

/// Says in each row which of its traits are outdated.
pub(super) async fn mark<'r>(
    snapshot: &Transaction<'_>,
    rows: impl Iterator<Item = &'r mut EventRow>,
) -> Result<(), Failure> {
    let rows: Vec<_> = rows.filter_map(|row| Some((said_in(row)?, row))).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let mut keys: Vec<Uuid> = rows.iter().map(|((key, _), _)| *key).collect();
    let names = rows.iter().flat_map(|((_, note), _)| match note {
        ProfileNote::Traits(traits) => traits.keys().map(|name| hash(name)).collect(),
        ProfileNote::Variant(..) => Vec::new(),
    });
    let mut names: Vec<Uuid> = names.collect();
    for ids in [&mut keys, &mut names] {
        ids.sort_unstable();
        ids.dedup();
    }
    let said = snapshot.prepare_cached(SAID).await?;
    let mut words = HashMap::<Uuid, Vec<_>>::new();
    for row in snapshot.query(&said, &[&keys, &names]).await? {
        let at = SaidAt { ms: get(&row, 2)?, event: row_id(&row, 3)? };
        // Only when it was said matters here.
        let word = ((Subject::Trait, text(&row, 1)?), Word::new(at, &Value::Null));
        words.entry(get(&row, 0)?).or_default().push(word);
    }
    let profiles: HashMap<_, _> =
        words.into_iter().map(|(key, words)| (key, Profile::of_words(words))).collect();
    for ((key, note), row) in rows {
        if let Some(profile) = profiles.get(&key) {
            let at = SaidAt::new(row.id, row.time_ms, row.received_ms);
            row.outdated_traits = profile.outdated(&note, at);
        }
    }
    Ok(())
}

/// What an event says about its user, and the user's column.
fn said_in(row: &EventRow) -> Option<(Uuid, ProfileNote)> {
    let note = ProfileNote::read(&row.name, row.properties_json.as_deref())?;
    let key = ProfileKey::new(row.user_id.as_deref(), row.anonymous_id.as_deref())?;
    Some((versions::key(key), note))
}
