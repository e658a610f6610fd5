//! Answering which numbers of a batch's producers have arrived.
//!
//! A page that is left never learns the answer to its last batch. The next page asks, and sends
//! only the rest. The answer comes from the ledgers of the key's source. Each number in them is of
//! a payload that was stored durably. The last batch was stored a moment ago, and is processed a
//! moment later, so a question waits for that, but not for long: a number that is not in the answer
//! is sent again, and the ledger drops it then.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::formats::lamplight::Asked;
use crate::store::ledger::Ledger;
use crate::store::{ProducerQuery, Reader};

/// Most questions that read at the same time, so that a public key takes at most half of the reads
/// of the API.
const PLACES: usize = 2;
/// Most questions that are being answered. Any others are answered as if nothing were known.
const QUESTIONS_MAX: usize = 256;
/// How long a question waits before it looks again for numbers that have not arrived, each time.
const WAITS: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(100), Duration::from_millis(200)];
/// How long answering may take. What is known by then is the answer.
const TIME_MAX: Duration = Duration::from_secs(1);
/// Most ranges in an answer. The numbers of a page are one range or a few.
const RANGES_MAX: usize = 1_000;

/// Numbers that have arrived, as ranges, by the name of their producer.
pub(super) type ArrivedNumbers = BTreeMap<String, Vec<(u64, u64)>>;

/// Answers questions about arrived numbers.
pub(super) struct ArrivedReader {
    reader: Arc<dyn Reader>,
    questions: Semaphore,
    places: Semaphore,
}

impl ArrivedReader {
    pub(super) fn new(reader: Arc<dyn Reader>) -> Self {
        let (questions, places) = (Semaphore::new(QUESTIONS_MAX), Semaphore::new(PLACES));
        Self { reader, questions, places }
    }

    /// Which numbers of these producers have arrived for `source`, as far as is known soon.
    pub(super) async fn read(&self, source: &str, asked: &[Asked], now_ms: i64) -> ArrivedNumbers {
        let mut arrived = ArrivedNumbers::new();
        let Ok(_question) = self.questions.try_acquire() else { return arrived };
        let answering = async {
            let mut rest = asked.to_vec();
            self.read_each(source, &mut rest, now_ms, &mut arrived).await;
            for wait in WAITS {
                if rest.is_empty() {
                    return;
                }
                sleep(wait).await;
                self.read_each(source, &mut rest, now_ms, &mut arrived).await;
            }
        };
        // A read that did not end in time leaves what was read before.
        let _ = timeout(TIME_MAX, answering).await;
        arrived
    }

    /// Reads the numbers of each of `rest`, and removes those whose numbers are all accounted for.
    async fn read_each(
        &self,
        source: &str,
        rest: &mut Vec<Asked>,
        now_ms: i64,
        arrived: &mut ArrivedNumbers,
    ) {
        let Ok(_place) = self.places.try_acquire() else { return };
        for asked in std::mem::take(rest) {
            let query = ProducerQuery {
                verdict: None,
                source: Some(source.to_owned()),
                producer: Some(asked.producer),
                after_number: 0,
                after: None,
                limit: 1,
                now_ms,
            };
            // A database that is down knows nothing now. The client then sends what it has.
            let Ok(page) = self.reader.producers(query).await else { return };
            let ledger = page.producers.first().map(|row| &row.ledger);
            if let Some(ledger) = ledger {
                let name = asked.producer.to_string();
                arrived.remove(&name);
                let room = RANGES_MAX.saturating_sub(arrived.values().map(Vec::len).sum());
                let ranges = ledger.received.as_slice().iter().take(room).copied();
                let ranges: Vec<_> = ranges.collect();
                if !ranges.is_empty() {
                    arrived.insert(name, ranges);
                }
            }
            if !ledger.map_or(asked.next <= 1, |ledger| accounts_for_all(ledger, asked.next)) {
                rest.push(asked);
            }
        }
    }
}

/// Whether each number before `next` has arrived or was declared as dropped.
fn accounts_for_all(ledger: &Ledger, next: u64) -> bool {
    let holes = ledger.received.holes(next);
    ledger.dropped.iter().fold(holes, |holes, (_, dropped)| holes.minus(dropped)).is_empty()
}
