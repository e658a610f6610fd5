//! A tab that sends events over HTTP as the SDK does, and what the console tells about it.

use std::collections::BTreeSet;

use lamplight_wire::Producer;
use serde_json::{Value, json};

use crate::console::visitor::Visitor;
use crate::harness::Server;

/// A tab: what it made, what it still keeps, and what it declared.
#[derive(Debug)]
pub(super) struct Tab {
    pub(super) producer: Producer,
    next: u64,
    stored: BTreeSet<u64>,
    dropped: Vec<(String, u64, u64)>,
    /// How far its clock is ahead, in milliseconds.
    pub(super) ahead_ms: i64,
}

impl Tab {
    pub(super) fn new(number: u128) -> Self {
        let (stored, dropped) = (BTreeSet::new(), Vec::new());
        Self { producer: Producer::from_bits(number << 80), next: 1, stored, dropped, ahead_ms: 0 }
    }

    /// Makes events, each of which is a key of its storage.
    pub(super) fn make(&mut self, count: u64) {
        self.stored.extend(self.next..self.next + count);
        self.next += count;
    }

    /// Someone deletes keys of its storage.
    pub(super) fn lose_keys(&mut self, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            self.stored.remove(&number);
        }
    }

    /// It drops events itself, and declares it.
    pub(super) fn drop_with(&mut self, reason: &str, from: u64, to: u64) {
        self.lose_keys(from..=to);
        self.dropped.push((reason.to_owned(), from, to));
    }

    /// A batch of these numbers, in this order.
    pub(super) fn batch(&self, numbers: impl IntoIterator<Item = u64>) -> String {
        let producer = self.producer.to_string();
        let ts = 1_700_000_000_000_i64 + self.ahead_ms;
        let events: Vec<Value> = numbers
            .into_iter()
            .map(|seq| json!({"name": "e", "producer": producer, "seq": seq, "ts": ts}))
            .collect();
        let mut dropped = json!({});
        for (reason, from, to) in &self.dropped {
            let ranges = &mut dropped[reason];
            if ranges.is_null() {
                *ranges = json!([]);
            }
            ranges.as_array_mut().unwrap().push(json!([from, to]));
        }
        let note = json!({"next": self.next, "dropped": dropped});
        json!({"v": 1, "producers": {producer: note}, "events": events}).to_string()
    }

    /// Sends these numbers, and removes them from its storage once they are acknowledged.
    pub(super) fn send(&mut self, server: &Server, numbers: impl IntoIterator<Item = u64>) {
        let numbers: Vec<u64> = numbers.into_iter().filter(|it| self.stored.contains(it)).collect();
        let reply = server.send(&self.batch(numbers.iter().copied()));
        assert_eq!(reply.status, 200, "{reply:?}");
        self.lose_keys(numbers);
    }

    /// Sends all that it keeps.
    pub(super) fn send_all(&mut self, server: &Server) {
        self.send(server, self.stored.clone());
    }

    /// What a broken proxy does: it answers 200, and forwards nothing.
    pub(super) fn send_to_nowhere(&mut self, numbers: impl IntoIterator<Item = u64>) {
        self.lose_keys(numbers);
    }

    pub(super) fn page(&self) -> String {
        format!("/producers/{}", self.producer)
    }
}

/// What the page of a producer tells: its verdict, and each range that did not arrive with its
/// state.
pub(super) fn told(visitor: &Visitor<'_>, tab: &Tab) -> (String, Vec<(String, String)>) {
    let page = visitor.page(&tab.page());
    let state = |text: &str| {
        let state = text.split("class=\"state ").nth(1).unwrap();
        state.split('>').nth(1).unwrap().split('<').next().unwrap().to_owned()
    };
    let ranges = page.split("<th scope=\"row\" class=\"number nowrap\">").skip(1);
    let ranges = ranges.map(|row| (row.split('<').next().unwrap().to_owned(), state(row)));
    (state(&page), ranges.collect())
}

/// The same ranges, as a test writes them.
pub(super) fn ranges(given: &[(&str, &str)]) -> Vec<(String, String)> {
    given.iter().map(|(range, state)| ((*range).to_owned(), (*state).to_owned())).collect()
}

/// The value of a figure of a page, such as `Lost`.
pub(super) fn figure(page: &str, name: &str) -> u64 {
    let value = page.split(&format!("<dt>{name}</dt><dd>")).nth(1).expect(name);
    value.split('<').next().unwrap().replace(',', "").parse().unwrap()
}
