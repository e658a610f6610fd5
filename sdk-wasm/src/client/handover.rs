//! From the client that a page begins with to the whole one: when it is asked for, and what it is told.
//!
//! The first one hands over at a moment without requests in flight, in one task, and does nothing after. Until then,
//! or for ever if the whole one never comes, its events stay in storage like any page's.

use lamplight_wire::reason::DropReason;
use lamplight_wire::{Producer, Ranges, json};

use super::Client;
use crate::notes::push_number;
use crate::options::Options;
use crate::ports::Ports;
use crate::queue::Handed;
use crate::send::flush::Reason;
use crate::tabs::heartbeat::BEAT_MS;
use crate::text;

/// How long after its start a page asks for the rest, in milliseconds: at a time when it is done with loading.
pub(super) const GROWTH_MS: u64 = 3_000;
/// The same when there is trouble that only a whole client can help with.
const TROUBLE_MS: u64 = 100;
/// How many numbers are handed over in the first line, after the producer: [`Client::facts`], and nine more.
const FACTS: usize = 22;
/// How long until it asks again, in milliseconds.
const AGAIN_MS: u64 = 60_000;

impl<P: Ports, const WHOLE: bool> Client<P, WHOLE> {
    /// Notes that there is work for a whole client.
    pub(super) fn hurry_growth(&mut self, now_ms: u64) {
        if !WHOLE && self.growth_due_ms <= now_ms + GROWTH_MS {
            self.growth_due_ms = self.growth_due_ms.min(now_ms + TROUBLE_MS);
        }
    }

    /// Asks for the rest, when that is due.
    pub(super) fn grow(&mut self, now_ms: u64) {
        if self.growth_due_ms <= now_ms {
            self.growth_due_ms = now_ms + AGAIN_MS;
            self.ports.grow();
        }
    }

    /// How many bytes other pages' events take in storage, keys included.
    pub(super) fn foreign_bytes(&self) -> usize {
        let own = self.keys.events(self.producer);
        self.keys.of_events().iter().map(|prefix| self.ports.size_besides(prefix, &own)).sum()
    }
}

impl<P: Ports> Client<P, false> {
    /// Ends this client and tells all that a whole one must know to go on in its place; `None`, and nothing has
    /// changed, while a request is in flight or the page sleeps: then try again after the next answer.
    pub fn hand_over(&mut self) -> Option<String> {
        if self.is_asleep || !self.requests.is_empty() || self.flush_from.is_some() {
            return None;
        }
        let mut out = String::new();
        self.producer.push_to(&mut out);
        out.push_str(&self.stats());
        let (failures, until_ms, asked) = self.backoff.parts();
        let (session_ms, written_ms, session) = self.session.parts();
        for fact in &[
            self.last_sent_ms.unwrap_or(0),
            failures,
            until_ms,
            u64::from(asked),
            self.beat,
            u64::from(self.is_marked),
            session_ms,
            written_ms,
            u64::from(self.person.is_shared()),
        ] {
            push_number(&mut out, " ", *fact);
        }
        out.push('\n');
        for (reason, seqs) in &self.dropped {
            for (from, to) in seqs.as_slice() {
                push_line(&mut out, *reason as u8, [*from, *to], "");
            }
        }
        self.queue.hand_over(|seq, state, text| push_line(&mut out, b'e', [seq, state], text));
        push_line(&mut out, b'x', [0, 0], &self.context_json);
        push_line(&mut out, b's', [0, 0], session);
        // Last, because a person's id is any text.
        out.push_str(&self.person.value());
        self.is_asleep = true;
        self.is_closed = true;
        Some(out)
    }
}

impl<P: Ports> Client<P> {
    /// Goes on in the place of a client that handed over `state`, in the same task. Its marks, its keys and what it
    /// holds of `ports` are this one's now.
    pub fn take_over(ports: P, options: Options, state: &str) -> Self {
        let Some((head, rest)) = text::cut(state, b'\n') else { return Self::new(ports, options) };
        let (name, numbers) = text::cut(head, b' ').unwrap_or_default();
        let Some(producer) = Producer::parse(name) else { return Self::new(ports, options) };
        let mut client = Self::start(ports, options, producer);
        let mut facts = [0; FACTS];
        let mut numbers = numbers.split(' ').filter_map(text::number);
        facts.fill_with(|| numbers.next().unwrap_or(0));
        client.learn(facts, rest);
        let now_ms = client.ports.monotonic_ms();
        if !client.queue.is_empty() || client.is_marked {
            client.beat_due_ms = Some(now_ms + BEAT_MS);
        }
        client.scan_due_ms = now_ms;
        if client.is_withdrawn() {
            // The first one gave up only what was its own, and perhaps did not know yet.
            client.give_all_up();
        }
        client
    }

    fn learn(&mut self, facts: [u64; FACTS], mut rest: &str) {
        let now_ms = self.ports.monotonic_ms();
        let [seq, _, _, _, sent, requests, _, error, flush, ..] = facts;
        let [.., quota, rejected, too_large, opted_out, _, _, _, _, _, _, _, _, _] = facts;
        let [
            ..,
            sent_ms,
            failures,
            until_ms,
            asked,
            beat,
            marked,
            session_ms,
            written_ms,
            is_shared,
        ] = facts;
        self.seq = seq;
        (self.counts.sent, self.counts.requests) = (sent, requests);
        self.counts.dropped = [quota, rejected, too_large, opted_out];
        self.last_sent_ms = (sent_ms > 0).then_some(sent_ms);
        self.counts.last_error = error.checked_sub(1).and_then(|error| u16::try_from(error).ok());
        let is_it = |reason: &Reason| *reason as u64 + 1 == flush;
        self.counts.last_flush = Reason::ALL.into_iter().find(is_it);
        self.backoff.resume(failures, until_ms, asked > 0);
        (self.beat, self.is_marked) = (beat, marked > 0);
        while let Some(reason) = dropped_line(rest) {
            let Some(([from, to], _)) = next_line(&mut rest, reason as u8) else { break };
            let seqs: Ranges = [(from, to)].into_iter().collect();
            crate::send::batch::give_up(&mut self.dropped, reason, &seqs);
        }
        while let Some(([seq, state], text)) = next_line(&mut rest, b'e') {
            let text = String::from(text);
            self.queue.take_over(&self.keys, now_ms, Handed { seq, state, text });
        }
        if let Some((_, context_json)) = next_line(&mut rest, b'x') {
            self.context_json = String::from(context_json);
        }
        if let Some((_, name)) = next_line(&mut rest, b's') {
            self.session.resume(session_ms, written_ms, name);
        }
        self.person.resume(rest, is_shared > 0);
    }
}

/// `<kind><number> <number> <text>`: the texts are ASCII without line breaks.
fn push_line(out: &mut String, kind: u8, numbers: [u64; 2], text: &str) {
    out.push(char::from(kind));
    for number in numbers {
        json::push_integer(out, number);
        out.push(' ');
    }
    out.push_str(text);
    out.push('\n');
}

/// Why the numbers in the next line were given up, if it speaks of such: its kind is the reason's place in the list.
fn dropped_line(rest: &str) -> Option<DropReason> {
    let kind = *rest.as_bytes().first()?;
    DropReason::ALL.into_iter().find(|reason| *reason as u8 == kind)
}

/// The next line, if it is of this kind.
fn next_line<'a>(rest: &mut &'a str, kind: u8) -> Option<([u64; 2], &'a str)> {
    if rest.as_bytes().first() != Some(&kind) {
        return None;
    }
    let (line, after) = text::cut(rest.get(1..)?, b'\n')?;
    let (first, line) = text::cut(line, b' ')?;
    let (second, text) = text::cut(line, b' ')?;
    *rest = after;
    Some(([text::number(first)?, text::number(second)?], text))
}
