//! From the client that a page starts with to the full client: the state that is handed over.
//!
//! The first client hands over when no request is in flight, in one task, and does nothing
//! afterwards. Until then, or permanently if the full client never arrives, its events stay in
//! storage like those of any page.

use lamplight_wire::reason::DropReason;
use lamplight_wire::{Producer, Ranges, json};

use super::core::Core;
use super::{FirstClient, FullClient};
use crate::options::Options;
use crate::ports::Ports;
use crate::queue::{HandedOverEvent, PageQueue};
use crate::send::batch;
use crate::send::flush::FlushReason;
use crate::tabs::heartbeat::HEARTBEAT_MS;
use crate::text;

/// How many numbers the first line has after the producer: [`Core::counters`], and nine more.
const NUMBERS: usize = 22;

impl<P: Ports> FirstClient<P> {
    /// Ends this client and returns the state with which a full client continues. Returns `None`
    /// and changes nothing while a request is in flight or the page is suspended: try again after
    /// the next response.
    pub fn hand_over(&mut self) -> Option<String> {
        let core = &mut self.core;
        if core.is_suspended || !core.requests.is_empty() || core.flush_from.is_some() {
            return None;
        }
        let mut out = String::new();
        core.producer.push_to(&mut out);
        out.push_str(&core.counters_text());
        let (failures, until_ms, is_set_by_server) = core.backoff.parts();
        let (session_ms, written_ms, session) = core.session.parts();
        for number in &[
            core.last_sent_ms.unwrap_or(0),
            failures,
            until_ms,
            u64::from(is_set_by_server),
            core.heartbeat_count,
            u64::from(core.has_heartbeat),
            session_ms,
            written_ms,
            u64::from(core.person.is_stored()),
        ] {
            text::push_number(&mut out, " ", *number);
        }
        out.push('\n');
        for (reason, seqs) in &core.dropped {
            for (from, to) in seqs.as_slice() {
                push_line(&mut out, *reason as u8, [*from, *to], "");
            }
        }
        core.queue.hand_over(|seq, state, text| push_line(&mut out, b'e', [seq, state], text));
        push_line(&mut out, b'x', [0, 0], &core.context_json);
        push_line(&mut out, b's', [0, 0], session);
        // Last, because a user id can be any text.
        out.push_str(&core.person.value());
        core.is_suspended = true;
        core.is_closed = true;
        Some(out)
    }
}

impl<P: Ports> FullClient<P> {
    /// Continues in place of a client that handed over `state`, in the same task. Its heartbeat,
    /// its keys and the locks that it holds through `ports` belong to this client now.
    pub fn take_over(ports: P, options: Options, state: &str) -> Self {
        let Some((head, rest)) = text::split_once(state, b'\n') else {
            return Self::new(ports, options);
        };
        let (name, rest_of_head) = text::split_once(head, b' ').unwrap_or_default();
        let Some(producer) = Producer::parse(name) else { return Self::new(ports, options) };
        let mut client = Self::with_core(Core::with_producer(ports, options, producer));
        let mut numbers = [0; NUMBERS];
        let mut texts = rest_of_head.split(' ').filter_map(text::parse_number);
        numbers.fill_with(|| texts.next().unwrap_or(0));
        client.restore_state(numbers, rest);
        let now_ms = client.core.ports.monotonic_ms();
        if !client.core.queue.is_empty() || client.core.has_heartbeat {
            client.core.heartbeat_due_ms = Some(now_ms + HEARTBEAT_MS);
        }
        client.scan_due_ms = now_ms;
        if client.core.is_withdrawn {
            // The first client deleted only its own events, and may not have seen the withdrawal
            // yet.
            client.core.discard_events();
            client.discard_foreign();
        }
        client
    }

    fn restore_state(&mut self, numbers: [u64; NUMBERS], mut rest: &str) {
        let core = &mut self.core;
        let now_ms = core.ports.monotonic_ms();
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
        core.seq = seq;
        (core.counts.sent, core.counts.requests) = (sent, requests);
        core.counts.dropped = [quota, rejected, too_large, opted_out];
        core.last_sent_ms = (sent_ms > 0).then_some(sent_ms);
        core.counts.last_error = error.checked_sub(1).and_then(|error| u16::try_from(error).ok());
        let is_last = |reason: &FlushReason| *reason as u64 + 1 == flush;
        core.counts.last_flush = FlushReason::ALL.into_iter().find(is_last);
        core.backoff.restore(failures, until_ms, is_set_by_server > 0);
        (core.heartbeat_count, core.has_heartbeat) = (heartbeat_count, has_heartbeat > 0);
        while let Some(reason) = dropped_line(rest) {
            let Some(([from, to], _)) = next_line(&mut rest, reason as u8) else { break };
            let seqs: Ranges = [(from, to)].into_iter().collect();
            batch::add_dropped(&mut core.dropped, reason, &seqs);
        }
        while let Some(([seq, state], text)) = next_line(&mut rest, b'e') {
            let text = String::from(text);
            core.queue.take_over(&core.keys, now_ms, HandedOverEvent { seq, state, text });
        }
        if let Some((_, context_json)) = next_line(&mut rest, b'x') {
            core.context_json = String::from(context_json);
        }
        if let Some((_, name)) = next_line(&mut rest, b's') {
            core.session.restore(session_ms, written_ms, name);
        }
        core.person.restore(rest, is_stored > 0);
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
