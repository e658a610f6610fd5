//! When to send.

/// Why a batch was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlushReason {
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

impl FlushReason {
    /// Every reason, in the order of the indexes that JavaScript knows.
    pub const ALL: [Self; 6] =
        [Self::Interval, Self::Full, Self::Hidden, Self::Manual, Self::Adopted, Self::Recovered];

    /// The name that `stats()` shows.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Interval => "interval",
            Self::Full => "full",
            Self::Hidden => "hidden",
            Self::Manual => "manual",
            Self::Adopted => "adopted",
            Self::Recovered => "recovered",
        }
    }
}

/// What the decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct FlushInput {
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
pub enum FlushDecision {
    /// Nothing waits, or a response must come first.
    Nothing,
    /// Decide again at this time.
    WaitUntil(u64),
    /// Send now.
    Send(FlushReason),
}

/// Decides whether to send now. This function is the complete rule.
pub fn decide_flush(input: &FlushInput) -> FlushDecision {
    if input.in_flight || (input.events == 0 && !input.has_declarations) {
        return FlushDecision::Nothing;
    }
    if let Some(until_ms) = input.backoff_until_ms {
        return if input.now_ms < until_ms {
            FlushDecision::WaitUntil(until_ms)
        } else {
            FlushDecision::Send(FlushReason::Recovered)
        };
    }
    if input.manual {
        return FlushDecision::Send(FlushReason::Manual);
    }
    if input.events >= input.events_max || input.bytes >= input.bytes_max {
        return FlushDecision::Send(FlushReason::Full);
    }
    match input.last_sent_ms.map(|sent_ms| sent_ms + input.interval_ms) {
        Some(next_ms) if input.now_ms < next_ms => FlushDecision::WaitUntil(next_ms),
        _ => FlushDecision::Send(FlushReason::Interval),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: FlushInput = FlushInput {
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
        assert_eq!(
            decide_flush(&FlushInput { events: 0, bytes: 0, ..QUIET }),
            FlushDecision::Nothing
        );
    }

    #[test]
    fn the_first_event_is_sent_at_once_and_the_next_after_the_interval() {
        assert_eq!(decide_flush(&QUIET), FlushDecision::Send(FlushReason::Interval));
        let soon = FlushInput { last_sent_ms: Some(9_800), ..QUIET };
        assert_eq!(decide_flush(&soon), FlushDecision::WaitUntil(10_300));
    }

    #[test]
    fn a_full_batch_does_not_wait_for_the_interval() {
        let sent = FlushInput { last_sent_ms: Some(9_999), ..QUIET };
        for full in [FlushInput { events: 100, ..sent }, FlushInput { bytes: 60_000, ..sent }] {
            assert_eq!(decide_flush(&full), FlushDecision::Send(FlushReason::Full));
        }
    }

    #[test]
    fn backoff_delays_even_a_manual_flush_of_a_full_batch() {
        let failing =
            FlushInput { backoff_until_ms: Some(11_000), manual: true, events: 100, ..QUIET };
        assert_eq!(decide_flush(&failing), FlushDecision::WaitUntil(11_000));
        let over = FlushInput { now_ms: 11_000, ..failing };
        assert_eq!(decide_flush(&over), FlushDecision::Send(FlushReason::Recovered));
    }

    #[test]
    fn no_second_request_is_sent_while_one_is_in_flight() {
        assert_eq!(decide_flush(&FlushInput { in_flight: true, ..QUIET }), FlushDecision::Nothing);
    }

    #[test]
    fn dropped_numbers_are_declared_even_without_events() {
        let only = FlushInput { events: 0, bytes: 0, has_declarations: true, ..QUIET };
        assert_eq!(decide_flush(&only), FlushDecision::Send(FlushReason::Interval));
    }
}
