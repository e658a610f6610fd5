//! Calls that take long, or whose clients do not read, delay no other call, and take a bounded
//! amount of memory.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lamplight_server::store::WriterLimits;
use lamplight_server::store::{
    Aggregate, AggregateQuery, Answer, EventFilter, EventPage, EventQuery, EventRef, EventTrace,
    Key, KeyKind, LivePlace, LiveTail, ProducerPage, ProducerQuery, Reader, RefusedPage,
    RefusedQuery, SourceTotals, SqlError, SqlQuery, SqlTable, Storage, Totals,
};
use serde_json::json;
use tokio::sync::watch;

use super::faults::Inside;
use crate::harness::{ADMIN_TOKEN, Reply, Server, agent, now, reply};

const VIEWER_TOKEN: &str = "vt_test_viewer_token_long";
const COUNT: &str = "/api/aggregate?by=name&from=0&to=1000";

/// A reader whose counts wait until a latch is open.
struct Latched {
    reader: Arc<dyn Reader>,
    latch: watch::Receiver<bool>,
    begun: Arc<AtomicUsize>,
}

impl Reader for Latched {
    fn aggregate(&self, query: AggregateQuery) -> Answer<'_, Aggregate> {
        Box::pin(async move {
            self.begun.fetch_add(1, Ordering::SeqCst);
            self.latch.clone().wait_for(|open| *open).await.unwrap();
            self.reader.aggregate(query).await
        })
    }

    fn totals(&self, now_ms: i64) -> Answer<'_, Totals> {
        self.reader.totals(now_ms)
    }

    fn sources(&self) -> Answer<'_, Vec<SourceTotals>> {
        self.reader.sources()
    }

    fn events(&self, query: EventQuery) -> Answer<'_, EventPage> {
        self.reader.events(query)
    }

    fn event(&self, event: EventRef) -> Answer<'_, Option<EventTrace>> {
        self.reader.event(event)
    }

    fn refused(&self, query: RefusedQuery) -> Answer<'_, RefusedPage> {
        self.reader.refused(query)
    }

    fn producers(&self, query: ProducerQuery) -> Answer<'_, ProducerPage> {
        self.reader.producers(query)
    }

    fn sql(&self, query: SqlQuery) -> Answer<'_, Result<SqlTable, SqlError>> {
        self.reader.sql(query)
    }

    fn live_end(&self) -> Answer<'_, LivePlace> {
        self.reader.live_end()
    }

    fn live(&self, filter: EventFilter, after: LivePlace, limit: u32) -> Answer<'_, LiveTail> {
        self.reader.live(filter, after, limit)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.reader.changes()
    }
}

fn get(url: &str, path: &str, token: &str) -> Reply {
    let bearer = format!("Bearer {token}");
    reply(agent().get(format!("{url}{path}")).header("authorization", bearer).call().unwrap())
}

#[test]
fn held_counts_of_one_token_delay_no_other_call_and_no_other_token() {
    let dir = tempfile::tempdir().unwrap();
    let (open, latch) = watch::channel(false);
    let begun = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&begun);
    let server = Inside::start_with(dir.path(), WriterLimits::default(), |storage| {
        let reader = Latched { reader: Arc::clone(&storage.reader), latch, begun: counted };
        Storage { reader: Arc::new(reader), ..storage }
    });
    server.app.keyring.put(Key::new(KeyKind::Viewer, "wall", VIEWER_TOKEN, 2));
    let url = server.url.clone();
    std::thread::scope(|scope| {
        let held: Vec<_> = (0..60).map(|_| scope.spawn(|| get(&url, COUNT, ADMIN_TOKEN))).collect();
        let refused = |held: &[std::thread::ScopedJoinHandle<'_, Reply>]| {
            held.iter().filter(|call| call.is_finished()).count()
        };
        let since = now();
        // 3 places for one token, and 32 places in the queue.
        while refused(&held) < 60 - 3 - 32 {
            assert!(since.elapsed() < Duration::from_secs(20), "{} are refused", refused(&held));
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(begun.load(Ordering::SeqCst), 3, "one token has fewer places than there are");
        for path in ["/api/totals", "/api/queues", "/api/keys", "/api/events", "/api/producers"] {
            assert_eq!(get(&url, path, ADMIN_TOKEN).status, 200, "{path}");
        }
        assert_eq!(get(&url, "/readyz", "").status, 200);
        let other = scope.spawn(|| get(&url, COUNT, VIEWER_TOKEN));
        while begun.load(Ordering::SeqCst) < 4 {
            assert!(since.elapsed() < Duration::from_secs(20), "the other token has no place");
            std::thread::sleep(Duration::from_millis(10));
        }
        open.send_replace(true);
        assert_eq!(other.join().unwrap().status, 200);
        let (mut answered, mut busy) = (0, 0);
        for call in held {
            let reply = call.join().unwrap();
            if reply.status == 200 {
                answered += 1;
            } else {
                assert_eq!((reply.status, reply.problem().as_str()), (503, "busy"), "{reply:?}");
                let after_s: u32 = reply.header("retry-after").unwrap().parse().unwrap();
                assert!((1..=30).contains(&after_s), "{reply:?}");
                busy += 1;
            }
        }
        assert!(answered >= 3 && busy >= 25, "{answered} were answered, {busy} refused");
        assert_eq!(get(&url, COUNT, ADMIN_TOKEN).status, 200, "places are given back");
    });
}

/// A call whose answer is not read.
fn unread(server: &Server, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {ADMIN_TOKEN}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// Stores 3 MB of events at a time.
fn store_large_events(server: &Server, times: u32) {
    let event = json!({"name": "large", "properties": {"text": "x".repeat(30_000)}}).to_string();
    for _ in 0..4 * times {
        let body = format!("[{}]", vec![event.as_str(); 25].join(","));
        let sent = server.send(&body);
        assert_eq!(sent.status, 200, "{sent:?}");
    }
    server.settled();
}

#[test]
fn answers_that_nobody_reads_take_a_bounded_amount_of_memory() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    store_large_events(&server, 3);
    let mut calls = Vec::new();
    let (mut held, mut busy) = (0, 0);
    for _ in 0..40 {
        let mut call = unread(&server, "/api/events?limit=500");
        let mut line = [0; 12];
        call.read_exact(&mut line).unwrap();
        match &line {
            b"HTTP/1.1 200" => held += 1,
            b"HTTP/1.1 503" => busy += 1,
            _ => panic!("{}", String::from_utf8_lossy(&line)),
        }
        calls.push(call);
    }
    assert!((8..=14).contains(&held) && held + busy == 40, "{held} of about 4 MB each in 48 MiB");
    let refused = server.read("/api/events?limit=500");
    assert_eq!((refused.status, refused.problem().as_str()), (503, "busy"), "{refused:?}");
    assert_eq!(server.read("/api/totals").status, 200);
    assert_eq!(server.read("/api/queues").status, 200);
    // One that is read, and others that are left, give their memory back.
    drop(calls);
    let since = now();
    while server.read("/api/events?limit=500").status != 200 {
        assert!(since.elapsed() < Duration::from_secs(10), "places are given back");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_live_stream_that_is_not_read_ends_with_a_message() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::serve(dir.path());
    let mut streams: Vec<TcpStream> = (0..8).map(|_| unread(&server, "/api/live")).collect();
    std::thread::sleep(Duration::from_millis(500));
    store_large_events(&server, 8);
    assert_eq!(server.read("/api/totals").json()["stored"], 800);
    std::thread::sleep(Duration::from_secs(17));
    let mut text = Vec::new();
    streams.remove(0).read_to_end(&mut text).unwrap();
    let text = String::from_utf8_lossy(&text);
    let events = text.matches("event: event").count();
    assert!((1..800).contains(&events), "{events} events were on their way");
    let end = text.rfind("event: end").expect("the last message says why it ended");
    assert!(text[end..].contains("too_slow") && text[end..].contains("Last-Event-ID"));
    // Its client misses nothing.
    let id = text[..end].rsplit("\nid: ").next().unwrap().lines().next().unwrap();
    let mut next = unread(&server, &format!("/api/live?after={id}"));
    let (mut rest, mut part) = (String::new(), vec![0; 1 << 20]);
    while rest.matches("event: event").count() < 800 - events {
        let read = next.read(&mut part).unwrap();
        assert!(read > 0, "the stream goes on");
        rest.push_str(&String::from_utf8_lossy(&part[..read]));
    }
}
