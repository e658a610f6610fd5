//! Questions about arrived numbers: what is answered was stored durably, belongs to the key's
//! source, and costs a bounded amount.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lamplight_server::store::ledger::Ledger;
use lamplight_server::store::{
    Aggregate, AggregateQuery, Answer, Completeness, EventFilter, EventPage, EventQuery, EventRef,
    EventTrace, LivePlace, LiveTail, ProducerPage, ProducerQuery, ProducerRow, Reader, RefusedPage,
    RefusedQuery, SourceTotals, SqlError, SqlQuery, SqlTable, Storage, StoreError, Totals,
    Unarrived, WriterLimits,
};
use lamplight_wire::Producer;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::faults::Inside;
use crate::harness::{ADMIN_TOKEN, Reply, SECRET_KEY, Server, WRITE_KEY, now};

fn producer(number: u32) -> String {
    Producer::from_bits((1 << 100) | u128::from(number)).to_string()
}

fn batch(producer: &str, seqs: impl IntoIterator<Item = u64>) -> String {
    let event = |seq| format!(r#"{{"name":"e","producer":"{producer}","seq":{seq}}}"#);
    let events: Vec<String> = seqs.into_iter().map(event).collect();
    format!(
        r#"{{"v":1,"producers":{{"{producer}":{{"next":9}}}},"events":[{}]}}"#,
        events.join(",")
    )
}

fn question(producers: &[&str]) -> String {
    let notes: Vec<String> = producers.iter().map(|it| format!(r#""{it}":{{"next":9}}"#)).collect();
    let notes = notes.join(",");
    format!(r#"{{"v":1,"producers":{{{notes}}},"events":[],"ask_arrived":true}}"#)
}

/// The ranges of an answer, by producer.
fn arrived(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{reply:?}");
    let json = reply.json();
    assert_eq!(json["status"], "OK", "the question is on disk too");
    json["arrived"].clone()
}

#[test]
fn a_question_is_answered_with_the_numbers_that_have_arrived() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let [asked, other, unknown] = [1, 2, 3].map(producer);
    let reply = server.send(&batch(&asked, [1, 2, 5]));
    assert_eq!(reply.json().get("arrived"), None, "this batch asks nothing");
    server.send(&batch(&other, [4]));
    server.settled();
    let reply = server.send(&question(&[&asked, &unknown]));
    assert_eq!(arrived(&reply), json!({ &asked: [[1, 2], [5, 5]] }));
    // A batch with events may ask as well.
    let with_events = batch(&asked, [3]).replace("}]}", r#"}],"ask_arrived":true}"#);
    let told = arrived(&server.send(&with_events));
    // Its own event may be processed while the answer waits for those that are missing.
    assert!([json!([[1, 2], [5, 5]]), json!([[1, 3], [5, 5]])].contains(&told[&asked]), "{told}");
    server.settled();
    assert_eq!(arrived(&server.send(&question(&[&asked]))), json!({ &asked: [[1, 3], [5, 5]] }));
    assert_eq!(arrived(&server.send(&question(&[]))), Value::Null, "it asks about nobody");
    let totals = server.settled();
    assert_eq!((&totals["stored"], &totals["duplicates"]), (&json!(5), &json!(0)));
    // It declares how far a producer has numbered, as every batch does.
    let path = format!("/api/producers?producer={unknown}");
    assert_eq!(server.read(&path).json()["producers"][0]["made"], 8);
}

#[test]
fn a_question_needs_a_key_and_is_answered_for_its_source_only() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let asked = producer(1);
    server.send(&batch(&asked, 1..=8));
    server.settled();
    let ask = |key: &str| {
        let path = format!("/v1/events?key={key}");
        server.post(&path, &[("content-type", "text/plain")], question(&[&asked]).as_bytes())
    };
    let key = json!({"kind": "write", "source": "shop"}).to_string();
    let bearer = format!("Bearer {ADMIN_TOKEN}");
    let headers = [("authorization", &*bearer), ("content-type", "application/json")];
    let key = server.post("/api/keys", &headers, key.as_bytes()).json();
    assert_eq!(arrived(&ask(WRITE_KEY)), json!({ &asked: [[1, 8]] }));
    assert_eq!(arrived(&ask(key["key"].as_str().unwrap())), json!({}));
    assert_eq!((ask("wk_nobody").status, ask(SECRET_KEY).status), (401, 403));
    let dry = format!("/v1/events?key={WRITE_KEY}&validate=1");
    let reply = server.post(&dry, &headers[1..], question(&[&asked]).as_bytes());
    assert_eq!(reply.json().get("arrived"), None, "a dry run looks nothing up");
}

#[test]
fn numbers_that_wait_to_be_processed_have_not_arrived_yet() {
    let dir = tempfile::tempdir().unwrap();
    // Nothing is processed in it.
    let server = Inside::start(dir.path(), WriterLimits::default());
    let asked = producer(1);
    assert_eq!(server.send(&batch(&asked, 1..=8)).status, 200);
    assert_eq!(arrived(&server.send(&question(&[&asked]))), json!({}));
}

#[test]
fn numbers_that_were_said_to_have_arrived_survive_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut told = Vec::new();
    for round in 1..=6 {
        let server = Server::serve(dir.path());
        let asked = producer(round);
        assert_eq!(server.send(&batch(&asked, 1..=8)).status, 200);
        let begun = now();
        while arrived(&server.send(&question(&[&asked]))) != json!({ &asked: [[1, 8]] }) {
            assert!(begun.elapsed() < Duration::from_secs(30), "it is never processed");
        }
        server.kill_9();
        told.push(asked);
    }
    let server = Server::serve(dir.path());
    let totals = server.settled();
    assert_eq!((&totals["stored"], &totals["duplicates"]), (&json!(48), &json!(0)));
    let names: Vec<&str> = told.iter().map(String::as_str).collect();
    let all: Value = told.iter().map(|it| (it.clone(), json!([[1, 8]]))).collect();
    assert_eq!(arrived(&server.send(&question(&names))), all);
}

#[test]
fn an_answer_about_arrived_numbers_has_a_bounded_number_of_ranges() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let names = [1, 2, 3].map(producer);
    for name in &names {
        server.send(&batch(name, (1..=600).map(|it| 2 * it)));
    }
    server.settled();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let answer = arrived(&server.send(&question(&names)));
    let ranges = answer.as_object().unwrap().values().map(|it| it.as_array().unwrap().len());
    assert_eq!(ranges.sum::<usize>(), 1_000);
    assert_eq!(answer[names[0]][599], json!([1_200, 1_200]));
}

#[test]
fn questions_wait_a_second_at_most_and_only_two_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let server = Inside::start_with(dir.path(), WriterLimits::default(), |storage| Storage {
        reader: Arc::new(Stuck(storage.reader)),
        ..storage
    });
    let ask = || {
        let begun = now();
        let answer = arrived(&server.send(&question(&[&producer(1)])));
        (begun.elapsed(), answer)
    };
    let waits: Vec<(Duration, Value)> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert!(waits.iter().all(|(_, answer)| *answer == json!({})), "{waits:?}");
    let slow = waits.iter().filter(|(wait, _)| *wait >= Duration::from_millis(900)).count();
    assert_eq!(slow, 2, "{waits:?}");
    assert!(waits.iter().all(|(wait, _)| *wait < Duration::from_secs(10)), "{waits:?}");
}

#[test]
fn a_failed_read_is_answered_as_if_nothing_had_arrived() {
    let dir = tempfile::tempdir().unwrap();
    let server = Inside::start_with(dir.path(), WriterLimits::default(), |storage| Storage {
        reader: Arc::new(Failing(storage.reader)),
        ..storage
    });
    assert_eq!(arrived(&server.send(&question(&[&producer(1)]))), json!({}));
}

#[test]
fn a_question_waits_a_moment_for_what_was_stored_a_moment_ago() {
    for (reads, want) in [(2, json!({ producer(1): [[1, 8]] })), (9, json!({}))] {
        let dir = tempfile::tempdir().unwrap();
        // Nothing is processed in it. The reader says so from the read `reads` on.
        let server = Inside::start_with(dir.path(), WriterLimits::default(), |storage| Storage {
            reader: Arc::new(Later(storage.reader, AtomicU32::new(reads))),
            ..storage
        });
        assert_eq!(arrived(&server.send(&question(&[&producer(1)]))), want, "{reads}");
    }
}

/// What a reader says when the producer that is asked about has sent all of its numbers.
fn all_arrived(query: &ProducerQuery) -> ProducerPage {
    let mut ledger = Ledger::new("default", 1);
    ledger.received.insert_range(1, 8);
    let row = ProducerRow {
        producer: query.producer.unwrap(),
        source: ledger.source.clone(),
        made: 8,
        received: 8,
        missing: 0,
        unarrived: Unarrived::default(),
        claimed: None,
        refused: 0,
        verdict: Completeness::Complete,
        first_heard_ms: 1,
        last_heard_ms: 1,
        ledger,
    };
    ProducerPage { producers: vec![row], ..ProducerPage::default() }
}

/// Knows no producers, until it has been asked this often.
struct Later(Arc<dyn Reader>, AtomicU32);

impl Later {
    fn page(&self, query: &ProducerQuery) -> ProducerPage {
        match self.1.fetch_sub(1, Ordering::Relaxed) {
            0..=1 => all_arrived(query),
            _ => ProducerPage::default(),
        }
    }
}

/// Reads no producers, ever.
struct Stuck(Arc<dyn Reader>);

/// Fails to read producers.
struct Failing(Arc<dyn Reader>);

/// Forwards all reads but those of producers.
macro_rules! reads_but_producers {
    ($name:ident, $producers:expr) => {
        impl Reader for $name {
            fn producers(&self, query: ProducerQuery) -> Answer<'_, ProducerPage> {
                Box::pin($producers(self, query))
            }
            fn totals(&self, now_ms: i64) -> Answer<'_, Totals> {
                self.0.totals(now_ms)
            }
            fn sources(&self) -> Answer<'_, Vec<SourceTotals>> {
                self.0.sources()
            }
            fn events(&self, query: EventQuery) -> Answer<'_, EventPage> {
                self.0.events(query)
            }
            fn event(&self, event: EventRef) -> Answer<'_, Option<EventTrace>> {
                self.0.event(event)
            }
            fn refused(&self, query: RefusedQuery) -> Answer<'_, RefusedPage> {
                self.0.refused(query)
            }
            fn aggregate(&self, query: AggregateQuery) -> Answer<'_, Aggregate> {
                self.0.aggregate(query)
            }
            fn sql(&self, query: SqlQuery) -> Answer<'_, Result<SqlTable, SqlError>> {
                self.0.sql(query)
            }
            fn live_end(&self) -> Answer<'_, LivePlace> {
                self.0.live_end()
            }
            fn live(
                &self,
                filter: EventFilter,
                after: LivePlace,
                limit: u32,
            ) -> Answer<'_, LiveTail> {
                self.0.live(filter, after, limit)
            }
            fn changes(&self) -> watch::Receiver<u64> {
                self.0.changes()
            }
        }
    };
}
reads_but_producers!(Stuck, |_, _| std::future::pending());
reads_but_producers!(Failing, |_, _| async { Err(StoreError::Down { retry_after_s: 1 }) });
reads_but_producers!(Later, |it: &Later, query| std::future::ready(Ok(it.page(&query))));
