//! Finding an event of which it is not known which database has it.

use super::Shards;
use crate::store::{EventRef, EventTrace, PayloadMetadata, StoreError};

impl Shards {
    /// All that is known about an event, from the database that knows it best.
    ///
    /// # Errors
    /// [`StoreError`], if it was not found as stored and a database is down that may have it.
    pub(super) async fn trace(&self, event: EventRef) -> Result<Option<EventTrace>, StoreError> {
        let is_by_client_id = matches!(event, EventRef::ClientId(_));
        let (mut found, mut failure) = (Vec::new(), None);
        for (_, answer) in self.each(|storage| storage.reader.event(event.clone())).await {
            match answer {
                Ok(trace) => found.extend(trace),
                Err(error) => failure = Some(error),
            }
        }
        found.sort_by_key(rank);
        let best = found.first().map(rank);
        found.retain(|trace| Some(rank(trace)) == best);
        // A client chooses ids for events of one source. In several, a stored one comes first that
        // came with a secret key, as in one database.
        if is_by_client_id && found.len() > 1 {
            self.secret_first(&mut found).await?;
        }
        match (found.into_iter().next(), failure) {
            (Some(trace @ EventTrace::Stored { .. }), _) | (Some(trace), None) => Ok(Some(trace)),
            (_, Some(failure)) => Err(failure),
            (None, None) => Ok(None),
        }
    }

    async fn secret_first(&self, found: &mut Vec<EventTrace>) -> Result<(), StoreError> {
        let mut ranked = Vec::with_capacity(found.len());
        for trace in found.drain(..) {
            let (payload, received_ms) = match &trace {
                EventTrace::Stored { event, .. } => (event.row.payload, event.row.received_ms),
                EventTrace::Refused { event, .. } => (event.payload, event.received_ms),
                EventTrace::Removed { .. } | EventTrace::Missing { .. } => continue,
            };
            let metadata = self.find(move |storage| storage.archive.metadata(payload)).await?;
            let is_secret = metadata.as_ref().is_some_and(PayloadMetadata::is_secret);
            ranked.push(((!is_secret, received_ms), trace));
        }
        ranked.sort_by_key(|(rank, _)| *rank);
        found.extend(ranked.into_iter().map(|(_, trace)| trace));
        Ok(())
    }
}

/// How much less a trace says than another one.
fn rank(trace: &EventTrace) -> u8 {
    match trace {
        EventTrace::Stored { .. } => 0,
        EventTrace::Refused { .. } => 1,
        EventTrace::Missing { .. } => 2,
        EventTrace::Removed { .. } => 3,
    }
}
