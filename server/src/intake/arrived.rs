//! Answering which numbers of a batch's producers have arrived.
//!
//! A page that is left never learns the answer to its last batch. The next page asks, and sends
//! only the rest. The answer comes from the ledgers of the key's source. Each number in them is of
//! a payload that was stored durably. A number that is not in them yet is sent again, and the
//! ledger drops it then.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lamplight_wire::Producer;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::store::{ProducerQuery, Reader};

/// Most questions that are answered at the same time. Any others are answered as if nothing were
/// known, so that a public key takes at most half of the reads of the API.
const PLACES: usize = 2;
/// How long reading may take. What is known by then is the answer.
const TIME_MAX: Duration = Duration::from_secs(1);
/// Most ranges in an answer. The numbers of a page are one range or a few.
const RANGES_MAX: usize = 1_000;

/// Numbers that have arrived, as ranges, by the name of their producer.
pub(super) type ArrivedNumbers = BTreeMap<String, Vec<(u64, u64)>>;

/// Answers questions about arrived numbers.
pub(super) struct ArrivedReader {
    reader: Arc<dyn Reader>,
    places: Semaphore,
}

impl ArrivedReader {
    pub(super) fn new(reader: Arc<dyn Reader>) -> Self {
        Self { reader, places: Semaphore::new(PLACES) }
    }

    /// Which numbers of these producers have arrived for `source`, as far as is known now.
    pub(super) async fn read(
        &self,
        source: &str,
        producers: &[Producer],
        now_ms: i64,
    ) -> ArrivedNumbers {
        let mut arrived = ArrivedNumbers::new();
        let Ok(_place) = self.places.try_acquire() else { return arrived };
        let reading = self.read_each(source, producers, now_ms, &mut arrived);
        // A read that did not end in time leaves what was read before.
        let _ = timeout(TIME_MAX, reading).await;
        arrived
    }

    async fn read_each(
        &self,
        source: &str,
        producers: &[Producer],
        now_ms: i64,
        arrived: &mut ArrivedNumbers,
    ) {
        let mut room = RANGES_MAX;
        for producer in producers {
            let query = ProducerQuery {
                verdict: None,
                source: Some(source.to_owned()),
                producer: Some(*producer),
                after_number: 0,
                after: None,
                limit: 1,
                now_ms,
            };
            // A database that is down knows nothing now. The client then sends what it has.
            let Ok(page) = self.reader.producers(query).await else { return };
            for row in page.producers {
                let ranges = row.ledger.received.as_slice().iter().take(room).copied();
                let known = arrived.entry(producer.to_string()).or_default();
                known.extend(ranges);
                room = RANGES_MAX.saturating_sub(arrived.values().map(Vec::len).sum());
            }
        }
    }
}
