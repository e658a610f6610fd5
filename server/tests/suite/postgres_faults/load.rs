//! Pages that send to servers all the time, and what must be true of everything afterwards.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lamplight_server::store::postgres::verify::verify;
use lamplight_server::store::postgres::{TalliesRepaired, repair};

use super::instance::Instance;
use super::is_long;
use crate::harness::{Server, now};
use crate::kill::{Page, check};

const PAGES: u64 = 6;
/// A page keeps no more events than this while it cannot send them.
const QUEUE_MAX: usize = 200;
/// How long it waits after a refusal, so that refusals do not use up the machine.
const PAUSE: Duration = Duration::from_millis(25);

/// A payload that a server had leased waits for no longer than this: a lease, and a retry.
const STUCK_MAX: Duration = Duration::from_secs(80);
/// In the short form, leases end after this.
const LEASES_END: Duration = Duration::from_secs(2);

/// Everything that is not 200 and not 503 with `Retry-After`, and how long answers took.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) accepted: u32,
    pub(crate) refused: u32,
    pub(crate) broken: u32,
    pub(crate) wrong: Vec<String>,
    pub(crate) slowest: Duration,
    /// The longest time without an accepted payload, from the first refusal on.
    pub(crate) longest_refusal: Duration,
    refused_since: Option<Instant>,
}

impl Answers {
    /// Checks that clients were told what to do at any moment, soon.
    pub(crate) fn check(&self, slowest: Duration) {
        assert!(self.wrong.is_empty(), "{:?}", self.wrong);
        assert!(self.slowest < slowest, "{self:?}");
    }
}

/// Pages.
pub(crate) struct Load {
    pub(crate) pages: Vec<Page>,
    /// How often they were refused so far.
    pub(crate) refusals: Arc<AtomicU32>,
}

impl Load {
    pub(crate) fn new() -> Self {
        Self { pages: (0..PAGES).map(Page::new).collect(), refusals: Arc::default() }
    }

    /// Sends to all servers until `during` has ended. A server may be killed meanwhile.
    pub(crate) fn run<T>(
        &mut self,
        servers: &[&Server],
        during: impl FnOnce() -> T,
    ) -> (T, Answers) {
        let (stop, answers) = (AtomicBool::new(false), Mutex::new(Answers::default()));
        let refusals = &*self.refusals;
        let done = std::thread::scope(|scope| {
            for (number, page) in self.pages.iter_mut().enumerate() {
                let (stop, answers) = (&stop, &answers);
                scope.spawn(move || {
                    for server in servers.iter().cycle().skip(number) {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        if !send(page, server, answers, refusals) {
                            std::thread::sleep(PAUSE);
                        }
                    }
                });
            }
            // Also when `during` panics.
            let _stop = OnDrop(&stop);
            during()
        });
        (done, answers.into_inner().unwrap())
    }

    /// Sends from every page at once. Gives whether all were accepted.
    pub(crate) fn sends(&mut self, server: &Server) -> bool {
        std::thread::scope(|scope| {
            let pages = self.pages.iter_mut();
            let sending: Vec<_> =
                pages.map(|page| scope.spawn(move || page.send(server, true))).collect();
            sending.into_iter().all(|page| page.join().unwrap())
        })
    }

    /// How many events were acknowledged.
    pub(crate) fn acknowledged(&self) -> usize {
        self.pages.iter().map(|page| page.acknowledged.len()).sum()
    }

    /// Sends what is left, waits until everything is processed, and checks every count against the
    /// rows.
    pub(crate) fn finish(&mut self, server: &Server, instance: &Instance) {
        self.send_rest(server);
        wait_until_processed(server, instance);
        check(server, &self.pages);
        let (totals, made) = (server.totals(), self.made());
        let counts =
            [("made", made), ("stored", made), ("lost", 0), ("in_flight", 0), ("invalid", 0)];
        for (name, want) in counts {
            assert_eq!(totals[name], want, "{name}: {totals}");
        }
        recount(instance);
    }

    /// How many events the pages have made.
    pub(crate) fn made(&self) -> u64 {
        self.pages.iter().map(|page| page.next - 1).sum()
    }

    /// Sends what is left.
    pub(crate) fn send_rest(&mut self, server: &Server) {
        let begun = now();
        for page in &mut self.pages {
            // One request has no more than a part of a long queue.
            while !page.queue.is_empty() {
                if page.send(server, false) {
                    continue;
                }
                let waited = begun.elapsed();
                assert!(waited < Duration::from_secs(30), "it takes nothing: {}", server.log());
                std::thread::sleep(PAUSE);
            }
        }
    }
}

/// Waits until everything is processed. What a server that was killed had leased takes as long as
/// its lease.
pub(crate) fn wait_until_processed(server: &Server, instance: &Instance) {
    let (mut begun, mut left) = (now(), u64::MAX);
    loop {
        let waiting = instance.sql("lamp", "SELECT count(*) FROM lamplight.payload_queue");
        let waiting: u64 = waiting.parse().unwrap();
        if waiting == 0 {
            return;
        }
        if waiting < left {
            // While there are fewer and fewer, nothing is stuck.
            (begun, left) = (now(), waiting);
        }
        assert!(begun.elapsed() < STUCK_MAX, "stuck: {}", server.log());
        std::thread::sleep(Duration::from_millis(100));
        if !is_long() && begun.elapsed() > LEASES_END {
            // As if their time were over, and that of retries.
            instance.sql("lamp", "UPDATE lamplight.payload_queue SET due_ms = 1 WHERE due_ms > 1");
            std::thread::sleep(LEASES_END);
        }
    }
}

/// Every count equals what a recount of rows gives.
pub(crate) fn recount(instance: &Instance) {
    for (what, differs) in [
        (
            "totals and rows",
            "SELECT (SELECT sum(stored) FROM totals), (SELECT count(*) FROM events)",
        ),
        (
            "events are there once",
            "SELECT count(*), count(DISTINCT (producer, seq, event_id)) FROM events",
        ),
        (
            "payloads and marks",
            "SELECT (SELECT count(*) FROM payloads), (SELECT count(*) FROM applied)",
        ),
        (
            "marks and rows",
            "SELECT (SELECT sum(stored) FROM applied), (SELECT count(*) FROM events)",
        ),
        (
            "duplicates",
            "SELECT (SELECT sum(duplicates) FROM totals), (SELECT sum(duplicates) FROM applied)",
        ),
        ("the queue", "SELECT sum(payloads) + sum(events), 0 FROM queue_counts"),
        ("set aside", "SELECT (SELECT count(*) FROM set_aside), 0"),
        (
            "received",
            "SELECT (SELECT sum(received) FROM sources), (SELECT sum(received) FROM producers)",
        ),
        ("made", "SELECT (SELECT sum(made) FROM sources), (SELECT sum(made) FROM producers)"),
        ("made in all", "SELECT (SELECT sum(made) FROM totals), (SELECT sum(made) FROM producers)"),
        (
            "received rows",
            "SELECT (SELECT sum(received) FROM producers), (SELECT count(seq) FROM events)",
        ),
        (
            "missing",
            "SELECT (SELECT sum(missing) FROM totals), (SELECT sum(missing) FROM producers)",
        ),
    ] {
        let counts = instance.sql("lamp", &format!("SET search_path = lamplight; {differs}"));
        let (one, other) = counts.split_once('|').unwrap();
        assert_eq!(one, other, "{what}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = instance.url("lamp").parse().unwrap();
    let TalliesRepaired { events, changed, .. } =
        runtime.block_on(repair(&url, &mut |_, _| {})).unwrap();
    let count = instance.sql("lamp", "SELECT count(*) FROM lamplight.events");
    assert_eq!((events.to_string(), changed), (count, 0), "tallies");
    let violations = runtime.block_on(verify(&url, &mut |_| {})).unwrap();
    assert!(violations.is_empty(), "{violations:?}");
}

fn send(page: &mut Page, server: &Server, answers: &Mutex<Answers>, refusals: &AtomicU32) -> bool {
    let (begun, more) = (now(), page.queue.len() < QUEUE_MAX);
    let answer = page.answer(server, more);
    let took = begun.elapsed();
    let mut answers = answers.lock().unwrap();
    answers.slowest = answers.slowest.max(took);
    let is_accepted = answer.as_ref().is_ok_and(|reply| reply.status == 200);
    if let Some(since) = answers.refused_since {
        answers.longest_refusal = answers.longest_refusal.max(since.elapsed());
    }
    answers.refused_since =
        if is_accepted { None } else { answers.refused_since.or_else(|| Some(now())) };
    match answer {
        Ok(reply) if reply.status == 200 => {
            answers.accepted += 1;
            return true;
        }
        Ok(reply) if reply.status == 503 && reply.header("retry-after").is_some() => {
            answers.refused += 1;
            refusals.fetch_add(1, Ordering::Relaxed);
        }
        Ok(reply) => answers.wrong.push(format!("{reply:?}")),
        Err(_) => answers.broken += 1,
    }
    false
}

/// Waits until this is true.
pub(crate) fn until(what: &str, max: Duration, mut is_true: impl FnMut() -> bool) -> Duration {
    let begun = now();
    while !is_true() {
        assert!(begun.elapsed() < max, "not within {max:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    begun.elapsed()
}

/// Whether a server says that it is ready.
pub(crate) fn is_ready(server: &Server) -> bool {
    server.get("/readyz", &[]).status == 200
}

struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
