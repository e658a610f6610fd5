//! How much a large store holds. Everything in it follows from a number of events and a time, so
//! what pages must show is known without counting.

use lamplight_server::process::row_id;
use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{PayloadId, RowId, Week};
use lamplight_wire::Producer;
use uuid::Uuid;

pub(super) const WEEKS: i64 = 13;
pub(super) const SOURCES: u64 = 20;
/// Each source has as many names.
pub(super) const NAMES: u64 = 300;
pub(super) const PAYLOAD_EVENTS: u64 = 25;
/// A page sends two payloads.
const PRODUCER_EVENTS: u64 = 2 * PAYLOAD_EVENTS;
/// Events of this source have ids instead of numbers.
const BACKEND: u64 = SOURCES - 1;
const USERS: u64 = 50_000;

const THINGS: [&str; 20] = [
    "page",
    "product",
    "cart",
    "checkout",
    "order",
    "search",
    "filter",
    "coupon",
    "account",
    "session",
    "video",
    "article",
    "comment",
    "review",
    "wishlist",
    "address",
    "payment",
    "refund",
    "newsletter",
    "support_ticket",
];
const VERBS: [&str; 15] = [
    "viewed",
    "opened",
    "closed",
    "added",
    "removed",
    "started",
    "finished",
    "failed",
    "shared",
    "saved",
    "updated",
    "selected",
    "submitted",
    "cancelled",
    "scrolled",
];

/// A large store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// Pages and, of one source, processes that sent events.
    pub(super) producers: u64,
    /// When the last payload is received, in milliseconds since 1970.
    pub(super) to_ms: i64,
}

/// A payload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Payload {
    pub(super) number: u64,
    pub(super) sender: Sender,
    pub(super) received_ms: i64,
}

/// What sends two payloads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender(pub(super) u64);

/// An event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub(super) payload: Payload,
    pub(super) index: u64,
}

/// Numbers that look random, and are always the same.
pub(super) fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

impl Extent {
    /// A store with about this many events, in whole payloads.
    pub(super) fn of(events: u64, to_ms: i64) -> Self {
        Self { producers: (events / PRODUCER_EVENTS).max(10 * SOURCES), to_ms }
    }

    pub(super) fn events(self) -> u64 {
        self.producers * PRODUCER_EVENTS
    }

    pub(super) fn payloads(self) -> u64 {
        2 * self.producers
    }

    pub(super) fn begin_ms(self) -> i64 {
        self.to_ms - WEEKS * WEEK_MS
    }

    /// When the payload with this number is received: they are evenly spread over the time.
    pub(super) fn received_ms(self, number: u64) -> i64 {
        let (number, payloads) = (i128::from(number), i128::from(self.payloads()));
        let span = i128::from(self.to_ms - self.begin_ms());
        self.begin_ms() + i64::try_from(number * span / payloads).unwrap()
    }

    pub(super) fn payload(self, number: u64) -> Payload {
        Payload { number, sender: Sender(number / 2), received_ms: self.received_ms(number) }
    }

    pub(super) fn event(self, number: u64) -> Event {
        let payload = self.payload(number / PAYLOAD_EVENTS);
        Event { payload, index: number % PAYLOAD_EVENTS }
    }

    pub(super) fn senders(self) -> impl Iterator<Item = Sender> {
        (0..self.producers).map(Sender)
    }

    /// The sum of something over everything that sent payloads.
    pub(super) fn sum(self, of: impl Fn(Sender) -> u64) -> u64 {
        self.senders().map(of).sum()
    }
}

impl Sender {
    pub(super) fn source(self) -> String {
        source(self.0 % SOURCES)
    }

    /// Whether its events have numbers.
    pub(super) fn is_page(self) -> bool {
        self.0 % SOURCES != BACKEND
    }

    pub(super) fn producer(self) -> Producer {
        let (high, low) = (mixed(self.0), mixed(self.0 ^ (1 << 60)));
        Producer::from_bits(u128::from(high) << 64 | u128::from(low))
    }

    /// How many numbers between its payloads never arrive.
    pub(super) fn missing(self) -> u64 {
        u64::from(self.is_page() && (self.0 / SOURCES).is_multiple_of(10))
    }

    /// How many numbers between its payloads it declares as dropped.
    pub(super) fn declared(self) -> u64 {
        2 * u64::from(self.is_page() && self.0 / SOURCES % 25 == 1)
    }

    pub(super) fn received(self) -> u64 {
        if self.is_page() { PRODUCER_EVENTS } else { 0 }
    }

    pub(super) fn made(self) -> u64 {
        self.received() + self.missing() + self.declared()
    }

    /// How many events of its first payload are in the second one, too.
    pub(super) fn duplicates(self) -> u64 {
        u64::from(self.is_page())
    }

    /// How many events of its second payload cannot be stored.
    pub(super) fn invalid(self) -> u64 {
        u64::from(self.0 / SOURCES % 10 == 3)
    }
}

impl Payload {
    pub(super) fn id(self) -> PayloadId {
        let (ms, number) = (u128::try_from(self.received_ms).unwrap(), u128::from(self.number));
        PayloadId(Uuid::from_u128(ms << 80 | 7 << 76 | 2 << 62 | number))
    }

    pub(super) fn is_second(self) -> bool {
        self.number % 2 == 1
    }

    pub(super) fn week(self) -> Week {
        Week::of_ms(self.received_ms)
    }

    /// The number of its first event.
    pub(super) fn first_number(self) -> u64 {
        let gap = self.sender.missing() + self.sender.declared();
        if self.is_second() { PAYLOAD_EVENTS + gap + 1 } else { 1 }
    }

    /// The id of what is at this place in it.
    pub(super) fn row(self, index: u64) -> RowId {
        row_id(self.id(), self.received_ms, u32::try_from(index).unwrap())
    }

    pub(super) fn event(self, index: u64) -> Event {
        Event { payload: self, index }
    }

    pub(super) fn duplicates(self) -> u64 {
        if self.is_second() { self.sender.duplicates() } else { 0 }
    }

    pub(super) fn invalid(self) -> u64 {
        if self.is_second() { self.sender.invalid() } else { 0 }
    }
}

impl Event {
    pub(super) fn number(self) -> u64 {
        self.payload.number * PAYLOAD_EVENTS + self.index
    }

    pub(super) fn row(self) -> RowId {
        self.payload.row(self.index)
    }

    /// Some names are frequent, and some are rare.
    pub(super) fn name(self) -> String {
        let mixed = mixed(self.number());
        let place = mixed % NAMES * ((mixed >> 20) % NAMES) / NAMES;
        name(place)
    }

    pub(super) fn seq(self) -> Option<u64> {
        self.payload.sender.is_page().then(|| self.payload.first_number() + self.index)
    }

    pub(super) fn client_id(self) -> Option<String> {
        (!self.payload.sender.is_page()).then(|| format!("order-{}", self.number()))
    }

    pub(super) fn user(self) -> Option<String> {
        let sender = self.payload.sender.0;
        sender.is_multiple_of(3).then(|| format!("user-{}", mixed(sender) % USERS))
    }

    pub(super) fn kind(self) -> &'static str {
        if self.number().is_multiple_of(500) { "critical" } else { "default" }
    }

    pub(super) fn properties(self) -> String {
        let mixed = mixed(self.number() ^ (1 << 61));
        let plan = ["free", "pro", "team", "enterprise"][usize::try_from(mixed % 4).unwrap()];
        format!(
            r#"{{"plan":"{plan}","amount":{}.5,"at":{},"page":{{"path":"/products/{}","title":"Product {}"}}}}"#,
            mixed % 500,
            self.number(),
            mixed % 3_000,
            mixed % 3_000,
        )
    }

    /// As a client sends it.
    pub(super) fn json(self) -> String {
        let (name, properties) = (self.name(), self.properties());
        let user = self.user().map_or_else(String::new, |id| format!(r#","user":{{"id":"{id}"}}"#));
        let identity = match (self.seq(), self.client_id()) {
            (Some(seq), _) => {
                format!(r#""producer":"{}","seq":{seq}"#, self.payload.sender.producer())
            }
            (None, id) => format!(r#""id":"{}""#, id.unwrap()),
        };
        format!(r#"{{{identity},"name":"{name}","properties":{properties}{user}}}"#)
    }
}

pub(super) fn source(number: u64) -> String {
    format!("shop-{number:02}")
}

/// The name at this place, the most frequent first.
pub(super) fn name(place: u64) -> String {
    let place = usize::try_from(place).unwrap();
    format!("{}_{}", THINGS[place % THINGS.len()], VERBS[place / THINGS.len()])
}
