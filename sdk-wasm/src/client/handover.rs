//! From the client that a page starts with to the full client: when it is loaded, and the state
//! that is handed over.
//!
//! The first client hands over when no request is in flight, in one task, and does nothing
//! afterwards. Until then, or permanently if the full client never arrives, its events stay in
//! storage like those of any page.

use lamplight_wire::reason::DropReason;
use lamplight_wire::{Producer, Ranges, json};

use super::Client;
use crate::notes::push_number;
use crate::options::Options;
use crate::ports::Ports;
use crate::queue::HandedOverEvent;
use crate::send::batch;
use crate::send::flush::FlushReason;
use crate::tabs::heartbeat::HEARTBEAT_MS;
use crate::text;

/// How long after its start a page loads the full client, in milliseconds. By then the page itself
/// has usually loaded.
pub(super) const LOAD_AFTER_MS: u64 = 3_000;
/// The same after trouble that only a full client can handle.
const LOAD_SOON_MS: u64 = 100;
/// How many numbers the first line has after the producer: [`Client::counters`], and nine more.
const NUMBERS: usize = 22;
/// How long to wait before the full client is requested again, in milliseconds.
const LOAD_RETRY_MS: u64 = 60_000;

impl<P: Ports, const FULL: bool> Client<P, FULL> {
    /// Loads the full client soon, because there is work for it.
    pub(super) fn load_soon(&mut self, now_ms: u64) {
        if !FULL && self.full_client_due_ms <= now_ms + LOAD_AFTER_MS {
            self.full_client_due_ms = self.full_client_due_ms.min(now_ms + LOAD_SOON_MS);
        }
    }

    /// Requests the full client when that is due.
    pub(super) fn load_full_client(&mut self, now_ms: u64) {
        if self.full_client_due_ms <= now_ms {
            self.full_client_due_ms = now_ms + LOAD_RETRY_MS;
            self.ports.load_full_client();
        }
    }

    /// How many bytes other pages' events take in storage, keys included.
    pub(super) fn foreign_bytes(&self) -> usize {
        let own = self.keys.event_prefix(self.producer);
        self.keys
            .event_prefixes()
            .iter()
            .map(|prefix| self.ports.size_excluding(prefix, &own))
            .sum()
    }
}

impl<P: Ports> Client<P, false> {
    /// Ends this client and returns the state with which a full client continues. Returns `None`
    /// and changes nothing while a request is in flight or the page is suspended: try again after
    /// the next response.
    pub fn hand_over(&mut self) -> Option<String> {
        if self.is_suspended || !self.requests.is_empty() || self.flush_from.is_some() {
            return None;
        }
        let mut out = String::new();
        self.producer.push_to(&mut out);
        out.push_str(&self.stats());
        let (failures, until_ms, is_set_by_server) = self.backoff.parts();
        let (session_ms, written_ms, session) = self.session.parts();
        for number in &[
            self.last_sent_ms.unwrap_or(0),
            failures,
            until_ms,
            u64::from(is_set_by_server),
            self.heartbeat_count,
            u64::from(self.has_heartbeat),
            session_ms,
            written_ms,
            u64::from(self.person.is_stored()),
        ] {
            push_number(&mut out, " ", *number);
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
        // Last, because a user id can be any text.
        out.push_str(&self.person.value());
        self.is_suspended = true;
        self.is_closed = true;
        Some(out)
    }
}

impl<P: Ports> Client<P> {
    /// Continues in place of a client that handed over `state`, in the same task. Its heartbeat,
    /// its keys and the locks that it holds through `ports` belong to this client now.
    pub fn take_over(ports: P, options: Options, state: &str) -> Self {
        let Some((head, rest)) = text::split_once(state, b'\n') else {
            return Self::new(ports, options);
        };
        let (name, rest_of_head) = text::split_once(head, b' ').unwrap_or_default();
        let Some(producer) = Producer::parse(name) else { return Self::new(ports, options) };
        let mut client = Self::start(ports, options, producer);
        let mut numbers = [0; NUMBERS];
        let mut texts = rest_of_head.split(' ').filter_map(text::parse_number);
        numbers.fill_with(|| texts.next().unwrap_or(0));
        client.restore_state(numbers, rest);
        let now_ms = client.ports.monotonic_ms();
        if !client.queue.is_empty() || client.has_heartbeat {
            client.heartbeat_due_ms = Some(now_ms + HEARTBEAT_MS);
        }
        client.scan_due_ms = now_ms;
        if client.is_withdrawn() {
            // The first client deleted only its own events, and may not have seen the withdrawal
            // yet.
            client.discard_everything();
        }
        client
    }

    fn restore_state(&mut self, numbers: [u64; NUMBERS], mut rest: &str) {
        let now_ms = self.ports.monotonic_ms();
        let [seq, _, _, _, sent, requests, _, error, flush, ..] = numbers;
        let [.., quota, rejected, too_large, opted_out, _, _, _, _, _, _, _, _, _] = numbers;
        let [
            ..,
            sent_ms,
            failures,
            until_ms,
            is_set_by_server,
            heartbeat_count,
            has_heartbeat,
            session_ms,
            written_ms,
            is_stored,
        ] = numbers;
        self.seq = seq;
        (self.counts.sent, self.counts.requests) = (sent, requests);
        self.counts.dropped = [quota, rejected, too_large, opted_out];
        self.last_sent_ms = (sent_ms > 0).then_some(sent_ms);
        self.counts.last_error = error.checked_sub(1).and_then(|error| u16::try_from(error).ok());
        let is_last = |reason: &FlushReason| *reason as u64 + 1 == flush;
        self.counts.last_flush = FlushReason::ALL.into_iter().find(is_last);
        self.backoff.restore(failures, until_ms, is_set_by_server > 0);
        (self.heartbeat_count, self.has_heartbeat) = (heartbeat_count, has_heartbeat > 0);
        while let Some(reason) = dropped_line(rest) {
            let Some(([from, to], _)) = next_line(&mut rest, reason as u8) else { break };
            let seqs: Ranges = [(from, to)].into_iter().collect();
            batch::add_dropped(&mut self.dropped, reason, &seqs);
        }
        while let Some(([seq, state], text)) = next_line(&mut rest, b'e') {
            let text = String::from(text);
            self.queue.take_over(&self.keys, now_ms, HandedOverEvent { seq, state, text });
        }
        if let Some((_, context_json)) = next_line(&mut rest, b'x') {
            self.context_json = String::from(context_json);
        }
        if let Some((_, name)) = next_line(&mut rest, b's') {
            self.session.restore(session_ms, written_ms, name);
        }
        self.person.restore(rest, is_stored > 0);
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

/// The drop reason of the next line, if the line declares dropped numbers: its kind is the reason's
/// index.
fn dropped_line(rest: &str) -> Option<DropReason> {
    let kind = *rest.as_bytes().first()?;
    DropReason::ALL.into_iter().find(|reason| *reason as u8 == kind)
}

/// The next line, if it is of this kind.
fn next_line<'a>(rest: &mut &'a str, kind: u8) -> Option<([u64; 2], &'a str)> {
    if rest.as_bytes().first() != Some(&kind) {
        return None;
    }
    let (line, after) = text::split_once(rest.get(1..)?, b'\n')?;
    let (first, line) = text::split_once(line, b' ')?;
    let (second, text) = text::split_once(line, b' ')?;
    *rest = after;
    Some(([text::parse_number(first)?, text::parse_number(second)?], text))
}
