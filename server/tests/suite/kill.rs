//! The real binary is killed repeatedly while it works: no acknowledged event is lost, and none is
//! stored twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lamplight_wire::Producer;

use crate::backup::violations;
use crate::harness::{Reply, Server, WRITE_KEY, ending};

/// How often the server is killed, unless `LAMPLIGHT_KILL_ROUNDS` is set.
const ROUNDS: u64 = 6;
/// After this many rounds all stored events are compared with the sent ones; otherwise only
/// counted.
const READ_EVERY: u64 = 20;
const SENDERS: u64 = 4;
const BATCH: u64 = 7;

/// A page: numbers its events, and keeps each until it is acknowledged.
pub(crate) struct Page {
    pub(crate) producer: Producer,
    pub(crate) next: u64,
    pub(crate) queue: Vec<u64>,
    pub(crate) acknowledged: BTreeSet<u64>,
}

impl Page {
    pub(crate) fn new(number: u64) -> Self {
        let producer = Producer::from_bits((u128::from(number) << 64) | 0x00C0_FFEE);
        Self { producer, next: 1, queue: Vec::new(), acknowledged: BTreeSet::new() }
    }

    /// Sends its queue, with new events if `more`. Gives whether it was acknowledged.
    pub(crate) fn send(&mut self, server: &Server, more: bool) -> bool {
        self.answer(server, more).is_ok_and(|reply| reply.status == 200)
    }

    /// The same, with the whole answer.
    pub(crate) fn answer(&mut self, server: &Server, more: bool) -> Result<Reply, ureq::Error> {
        if more {
            self.queue.extend(self.next..self.next + BATCH);
            self.next += BATCH;
        }
        let sent: Vec<u64> = self.queue.iter().copied().take(200).collect();
        let events: Vec<String> = sent
            .iter()
            .map(|seq| {
                format!(
                    r#"{{"name":"e","producer":"{}","seq":{seq},"properties":{{"n":{seq}}}}}"#,
                    self.producer
                )
            })
            .collect();
        let body = format!(
            r#"{{"v":1,"producers":{{"{}":{{"next":{}}}}},"events":[{}]}}"#,
            self.producer,
            self.next,
            events.join(",")
        );
        let path = format!("/v1/events?key={WRITE_KEY}");
        let answer = server.try_post(&path, &[("content-type", "text/plain")], body.as_bytes());
        if answer.as_ref().is_ok_and(|reply| reply.status == 200) {
            self.queue.retain(|seq| !sent.contains(seq));
            self.acknowledged.extend(sent);
        }
        answer
    }
}

/// How often each number of each producer is in `events`.
pub(crate) fn stored(server: &Server) -> BTreeMap<(String, u64), u32> {
    let mut stored = BTreeMap::new();
    server.each_event(|event| {
        let producer = event["producer"].as_str().unwrap().to_owned();
        let seq = event["seq"].as_u64().unwrap();
        assert_eq!(event["properties"]["n"], seq, "an event is what was sent");
        *stored.entry((producer, seq)).or_default() += 1;
    });
    stored
}

/// At least the acknowledged events are counted, and at most those that were made.
fn count(server: &Server, pages: &[Page]) {
    let totals = server.settled();
    let stored = usize::try_from(totals["stored"].as_u64().unwrap()).unwrap();
    let acknowledged: usize = pages.iter().map(|page| page.acknowledged.len()).sum();
    let made: u64 = pages.iter().map(|page| page.next - 1).sum();
    assert!(stored >= acknowledged, "{acknowledged} were acknowledged: {totals}");
    assert!(stored as u64 <= made, "{made} were made: {totals}");
}

pub(crate) fn check(server: &Server, pages: &[Page]) {
    let totals = server.settled();
    let stored = stored(server);
    assert!(stored.values().all(|count| *count == 1), "an event is stored twice");
    assert_eq!(totals["stored"], stored.len());
    for page in pages {
        for seq in &page.acknowledged {
            let key = (page.producer.to_string(), *seq);
            assert!(stored.contains_key(&key), "{key:?} was acknowledged and is lost");
        }
    }
    let known = |(producer, seq): &(String, u64)| {
        pages.iter().any(|page| page.producer.to_string() == *producer && *seq < page.next)
    };
    assert!(stored.keys().all(known), "an event that no page sent");
}

#[test]
fn every_acknowledged_event_survives_kill_9_exactly_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut pages: Vec<Page> = (0..SENDERS).map(Page::new).collect();
    let rounds = std::env::var("LAMPLIGHT_KILL_ROUNDS")
        .map_or(ROUNDS, |text| text.parse().expect("LAMPLIGHT_KILL_ROUNDS is a number"));
    for round in 0..rounds {
        let server = Server::serve(dir.path());
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for page in &mut pages {
                let (server, stop) = (&server, &stop);
                scope.spawn(
                    move || while !stop.load(Ordering::Relaxed) && page.send(server, true) {},
                );
            }
            // A different moment in each round.
            std::thread::sleep(Duration::from_millis(80 + round * 67 % 250));
            ending::kill(server.pid());
            stop.store(true, Ordering::Relaxed);
        });
        server.kill_9();
        assert_eq!(violations(dir.path()), [""; 0], "a directory that was just left");
        let server = Server::serve(dir.path());
        if round < ROUNDS || round % READ_EVERY == 0 {
            check(&server, &pages);
        } else {
            count(&server, &pages);
        }
        server.kill_9();
    }
    let server = Server::serve(dir.path());
    for page in &mut pages {
        while !page.queue.is_empty() {
            assert!(page.send(&server, false), "the server accepts the rest of the queue");
        }
    }
    check(&server, &pages);
    let totals = server.settled();
    let made: u64 = pages.iter().map(|page| page.next - 1).sum();
    assert!(made > 0);
    for (name, want) in
        [("made", made), ("stored", made), ("in_flight", 0), ("lost", 0), ("invalid", 0)]
    {
        assert_eq!(totals[name], want, "{name}: {totals}");
    }
    println!(
        "{rounds} kills: {made} events made, {} stored, {} sent again and dropped",
        totals["stored"], totals["duplicates"]
    );
}
