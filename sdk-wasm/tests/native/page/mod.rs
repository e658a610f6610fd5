//! A page that a test drives step by step: ports that record everything, a clock that only the test
//! moves, and timers that fire at exactly the time that the client asks for.
#![allow(dead_code, reason = "no test needs all of it")]

mod client;
mod counters;
pub(crate) mod orphans;
mod ports;
mod sent;

use std::cell::RefCell;
use std::rc::Rc;

use lamplight_sdk::client::{FirstClient, FullClient, NewEvent, Tracked};
use lamplight_sdk::keys::StorageKeys;
use lamplight_sdk::notes::Note;
use lamplight_sdk::options::Options;
use lamplight_sdk::ports::{OverflowOperation, PageEvent, Response};
use lamplight_wire::{Producer, Ranges};

pub(crate) use client::PageClient;
pub(crate) use counters::Counters;
pub(crate) use ports::{Log, PagePorts, Site};
pub(crate) use sent::Sent;

/// More timers than this in a row at one time mean that the client never sleeps.
const TIMERS_MAX: usize = 2_000;

/// One page.
pub(crate) struct Page<C> {
    pub(crate) client: C,
    pub(crate) site: Rc<RefCell<Site>>,
    pub(crate) log: Rc<RefCell<Log>>,
    pub(crate) options: Options,
    /// Every note so far.
    pub(crate) notes: Vec<Note>,
    /// The response to every request, given at once. Without it, the test answers.
    pub(crate) server: Option<Response>,
    /// Whether a server that knows of no arrived number answers every question about them.
    pub(crate) answers_questions: bool,
    /// Whether the database works. If not, operations stay unanswered.
    pub(crate) database: bool,
    operated: usize,
}

/// A page that starts with the full client.
pub(crate) type FullPage = Page<FullClient<PagePorts>>;
/// A page that starts with the first client.
pub(crate) type FirstPage = Page<FirstClient<PagePorts>>;

/// A page whose timers a test fires.
pub(crate) trait Driven {
    fn due_ms(&mut self) -> Option<u64>;
    fn fire(&mut self);
}

/// An origin without anything in storage.
pub(crate) fn site() -> Rc<RefCell<Site>> {
    Rc::new(RefCell::new(Site::default()))
}

pub(crate) fn ok() -> Response {
    Response { status: 200, body: r#"{"status":"OK"}"#.into(), retry_after_ms: None }
}

pub(crate) fn status(status: u16) -> Response {
    Response { status, ..Response::default() }
}

/// A Lamplight problem with this status.
pub(crate) fn problem(status: u16) -> Response {
    Response { status, body: r#"{"code":"x"}"#.into(), retry_after_ms: None }
}

pub(crate) fn retry_after(ms: u64) -> Response {
    Response { status: 503, body: String::new(), retry_after_ms: Some(ms) }
}

/// Advances the time for all pages, firing each timer when it is due.
pub(crate) fn advance(site: &Rc<RefCell<Site>>, pages: &mut [&mut dyn Driven], ms: u64) {
    let end_ms = site.borrow().now_ms + ms;
    let mut fired = 0;
    loop {
        let due = pages.iter_mut().enumerate().filter_map(|(at, page)| Some((page.due_ms()?, at)));
        let Some((due_ms, at)) = due.min().filter(|(due_ms, _)| *due_ms <= end_ms) else { break };
        let now_ms = site.borrow().now_ms;
        fired = if due_ms > now_ms { 0 } else { fired + 1 };
        assert!(fired < TIMERS_MAX, "a page never sleeps at {now_ms} ms");
        site.borrow_mut().now_ms = now_ms.max(due_ms);
        pages[at].fire();
    }
    site.borrow_mut().now_ms = end_ms;
}

impl<C: PageClient> Driven for Page<C> {
    fn due_ms(&mut self) -> Option<u64> {
        self.client.next_wake_ms()
    }

    fn fire(&mut self) {
        self.client.timer_fired();
        self.settle();
    }
}

impl<C: PageClient> Page<C> {
    pub(crate) fn open(site: &Rc<RefCell<Site>>, options: Options) -> Self {
        let log = Rc::new(RefCell::new(Log::default()));
        let ports = PagePorts { site: Rc::clone(site), log: Rc::clone(&log) };
        let client = C::start(ports, options.clone());
        Self {
            client,
            site: Rc::clone(site),
            log,
            options,
            notes: Vec::new(),
            server: None,
            answers_questions: true,
            database: true,
            operated: 0,
        }
    }

    /// Ends the page without a last task, as when its process is killed.
    pub(crate) fn kill(self) -> Producer {
        let producer = self.client.producer();
        self.site.borrow_mut().live.retain(|live| *live != producer);
        producer
    }

    pub(crate) fn ports(&self) -> PagePorts {
        PagePorts { site: Rc::clone(&self.site), log: Rc::clone(&self.log) }
    }

    /// Tracks an event whose text is this many bytes longer than the shortest.
    pub(crate) fn track(&mut self, padding: usize) -> Tracked {
        let properties_json = format!("{{\"p\":\"{}\"}}", "x".repeat(padding));
        let event =
            NewEvent { name: "opened", properties_json: &properties_json, ..NewEvent::default() };
        let tracked = self.client.track(&event);
        self.settle();
        tracked
    }

    /// Tracks an event whose text has exactly this many bytes.
    pub(crate) fn track_bytes(&mut self, bytes: usize) -> Tracked {
        let padding = bytes - self.shortest_bytes();
        self.track(padding)
    }

    /// The bytes of the next event's text without padding.
    fn shortest_bytes(&mut self) -> usize {
        let mut other = Self::open(&site(), self.options.clone());
        other.track(0);
        let digits = |seq: u64| seq.to_string().len();
        let first = usize::try_from(other.counters().queued_bytes).unwrap();
        first - 1 + digits(self.counters().made + 1)
    }

    pub(crate) fn event(&mut self, event: PageEvent) {
        self.client.page_event(event);
        self.settle();
    }

    pub(crate) fn flush(&mut self) {
        self.client.flush();
        self.settle();
    }

    pub(crate) fn advance(&mut self, ms: u64) {
        let site = Rc::clone(&self.site);
        advance(&site, &mut [self], ms);
    }

    /// Runs the tasks that are due now.
    pub(crate) fn run(&mut self) {
        self.advance(0);
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.site.borrow().now_ms
    }

    /// The time of the client's next task, from now.
    pub(crate) fn wakes_in_ms(&mut self) -> Option<u64> {
        let now_ms = self.now_ms();
        self.client.next_wake_ms().map(|due_ms| due_ms.saturating_sub(now_ms))
    }

    /// Gives results to requests and operations that have none yet, and collects notes.
    pub(crate) fn settle(&mut self) {
        if let Some(response) = self.server.clone() {
            while let Some(id) = self.unanswered().first().map(|sent| sent.id) {
                self.answer(id, &response);
            }
        }
        while self.answers_questions
            && let Some(id) = self.unanswered().iter().find(|it| it.asks_arrived()).map(|it| it.id)
        {
            self.answer(id, &ok());
        }
        while self.database && self.operated < self.log.borrow().operations.len() {
            let (_, id, operation) = self.log.borrow().operations[self.operated].clone();
            self.operated += 1;
            let result = self.site.borrow_mut().operate(operation);
            self.client.finish_operation(id, Some(&result));
        }
        let asks = std::mem::take(&mut self.log.borrow_mut().asks);
        if asks {
            let live = self.site.borrow().live.clone();
            self.client.take_live_producers(&live);
        }
        self.notes.extend(self.client.take_notes());
    }

    /// Reports that the operation under way failed.
    pub(crate) fn fail_operation(&mut self) {
        let (_, id, _) = self.log.borrow().operations.last().cloned().unwrap();
        self.operated = self.log.borrow().operations.len();
        self.client.finish_operation(id, None);
        self.settle();
    }

    /// The requests in flight.
    pub(crate) fn unanswered(&self) -> Vec<Sent> {
        let log = self.log.borrow();
        let sent = log.sent[log.handed_over..].iter();
        sent.filter(|sent| !log.answered.contains(&sent.id)).cloned().collect()
    }

    pub(crate) fn answer(&mut self, id: u32, response: &Response) {
        self.log.borrow_mut().answered.insert(id);
        self.client.answered(id, response);
        self.settle();
    }

    /// Answers every request in flight.
    pub(crate) fn answer_all(&mut self, response: &Response) {
        for sent in self.unanswered() {
            self.answer(sent.id, response);
        }
    }

    /// Every request so far.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.log.borrow().sent.clone()
    }

    /// The requests since the last call, whether answered or not.
    pub(crate) fn take_sent(&mut self) -> Vec<Sent> {
        let log = &mut *self.log.borrow_mut();
        log.handed_over = 0;
        std::mem::take(&mut log.sent)
    }

    pub(crate) fn take_notes(&mut self) -> Vec<Note> {
        self.settle();
        std::mem::take(&mut self.notes)
    }

    /// The operations on the overflow since the last call, with their times.
    pub(crate) fn operations(&self) -> Vec<(u64, OverflowOperation)> {
        let log = self.log.borrow();
        log.operations.iter().map(|(at_ms, _, operation)| (*at_ms, operation.clone())).collect()
    }

    pub(crate) fn counters(&self) -> Counters {
        Counters::named(self.client.counters())
    }

    /// The bytes that this page's events really take in storage, keys included.
    pub(crate) fn real_bytes(&self) -> u64 {
        let keys = StorageKeys::new(&self.options.namespace);
        let producer = self.client.producer();
        let [_, blocks] = keys.event_prefixes();
        let own = [keys.event_prefix(producer), format!("{blocks}{producer}:")];
        let site = self.site.borrow();
        let values =
            site.values.iter().filter(|(key, _)| own.iter().any(|own| key.starts_with(own)));
        values.map(|(key, value)| (key.len() + value.len()) as u64).sum()
    }

    pub(crate) fn heartbeat(&self) -> Option<String> {
        let key = StorageKeys::new(&self.options.namespace).heartbeat(self.client.producer());
        self.site.borrow().values.get(&key).cloned()
    }
}

impl FullPage {
    /// `stats()`, as the page's code gets it.
    pub(crate) fn full_stats(&self) -> serde_json::Value {
        serde_json::to_value(self.client.stats()).unwrap()
    }
}

impl FirstPage {
    /// Hands over to a full client, as soon as that is possible.
    pub(crate) fn hand_over(mut self) -> FullPage {
        let state = self.client.hand_over().expect("no request is in flight");
        // The full client numbers its requests from 1 again.
        self.log.borrow_mut().answered.clear();
        let requests = self.log.borrow().sent.len();
        self.log.borrow_mut().handed_over = requests;
        let client = FullClient::take_over(self.ports(), self.options.clone(), &state);
        Page {
            client,
            site: self.site,
            log: self.log,
            options: self.options,
            notes: self.notes,
            server: self.server,
            answers_questions: self.answers_questions,
            database: self.database,
            operated: self.operated,
        }
    }
}

/// A set of numbers.
pub(crate) fn numbers(from: u64, to: u64) -> Ranges {
    [(from, to)].into_iter().collect()
}
