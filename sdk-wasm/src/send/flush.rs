//! When to send.

/// Why a batch was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The interval since the last send is over.
    Interval,
    /// A full batch is queued.
    Full,
    /// The page was hidden, frozen or left.
    Hidden,
    /// The page's code called `flush()`.
    Manual,
    /// The events belong to an orphaned producer.
    Adopted,
    /// A wait after failures is over.
    Recovered,
}

impl Reason {
    /// Every reason, in the order that the page's code relies on.
    pub const ALL: [Self; 6] =
        [Self::Interval, Self::Full, Self::Hidden, Self::Manual, Self::Adopted, Self::Recovered];
}

/// What the decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Situation {
    /// The time, by the monotonic clock.
    pub now_ms: u64,
    /// How many events wait and are not in flight.
    pub events: usize,
    /// The bytes of these events.
    pub bytes: usize,
    /// Numbers were dropped that the server does not know about.
    pub has_declarations: bool,
    /// A request is in flight.
    pub in_flight: bool,
    /// The end of the wait, if the last response was a failure.
    pub backoff_until_ms: Option<u64>,
    /// When the last request was sent, if one was.
    pub last_sent_ms: Option<u64>,
    /// The page's code called `flush()`.
    pub manual: bool,
    /// The least time between two sends of batches that are not full.
    pub interval_ms: u64,
    /// How many events make a full batch.
    pub events_max: usize,
    /// How many bytes make a full batch.
    pub bytes_max: usize,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing waits, or a response must come first.
    Nothing,
    /// Decide again at this time.
    WaitUntil(u64),
    /// Send now.
    Send(Reason),
}

/// Decides whether to send now. This function is the complete rule.
pub fn decide(at: &Situation) -> Decision {
    if at.in_flight || (at.events == 0 && !at.has_declarations) {
        return Decision::Nothing;
    }
    if let Some(until_ms) = at.backoff_until_ms {
        return if at.now_ms < until_ms {
            Decision::WaitUntil(until_ms)
        } else {
            Decision::Send(Reason::Recovered)
        };
    }
    if at.manual {
        return Decision::Send(Reason::Manual);
    }
    if at.events >= at.events_max || at.bytes >= at.bytes_max {
        return Decision::Send(Reason::Full);
    }
    match at.last_sent_ms.map(|sent_ms| sent_ms + at.interval_ms) {
        Some(next_ms) if at.now_ms < next_ms => Decision::WaitUntil(next_ms),
        _ => Decision::Send(Reason::Interval),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Situation = Situation {
        now_ms: 10_000,
        events: 1,
        bytes: 300,
        has_declarations: false,
        in_flight: false,
        backoff_until_ms: None,
        last_sent_ms: None,
        manual: false,
        interval_ms: 500,
        events_max: 100,
        bytes_max: 60_000,
    };

    #[test]
    fn an_empty_queue_sends_nothing() {
        assert_eq!(decide(&Situation { events: 0, bytes: 0, ..QUIET }), Decision::Nothing);
    }

    #[test]
    fn the_first_event_is_sent_at_once_and_the_next_after_the_interval() {
        assert_eq!(decide(&QUIET), Decision::Send(Reason::Interval));
        let soon = Situation { last_sent_ms: Some(9_800), ..QUIET };
        assert_eq!(decide(&soon), Decision::WaitUntil(10_300));
    }

    #[test]
    fn a_full_batch_does_not_wait_for_the_interval() {
        let sent = Situation { last_sent_ms: Some(9_999), ..QUIET };
        for full in [Situation { events: 100, ..sent }, Situation { bytes: 60_000, ..sent }] {
            assert_eq!(decide(&full), Decision::Send(Reason::Full));
        }
    }

    #[test]
    fn backoff_delays_even_a_manual_flush_of_a_full_batch() {
        let failing =
            Situation { backoff_until_ms: Some(11_000), manual: true, events: 100, ..QUIET };
        assert_eq!(decide(&failing), Decision::WaitUntil(11_000));
        let over = Situation { now_ms: 11_000, ..failing };
        assert_eq!(decide(&over), Decision::Send(Reason::Recovered));
    }

    #[test]
    fn no_second_request_is_sent_while_one_is_in_flight() {
        assert_eq!(decide(&Situation { in_flight: true, ..QUIET }), Decision::Nothing);
    }

    #[test]
    fn dropped_numbers_are_declared_even_without_events() {
        let only = Situation { events: 0, bytes: 0, has_declarations: true, ..QUIET };
        assert_eq!(decide(&only), Decision::Send(Reason::Interval));
    }
}
