//! How a request ends: what an answer means.

use lamplight_wire::reason::DropReason;

use crate::ports::Answer;
use crate::send::backoff::Hold;
use crate::text;

/// What an answer means for the events of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They are on the server's disk.
    Accepted,
    /// One of them is broken, or they are too many: send fewer.
    Halve,
    /// The only one there was can never be taken.
    Park(DropReason),
    /// Keep them and wait.
    Keep(Hold),
}

/// What an answer to a request with `events` events means. Only a 2xx whose body is Lamplight's counts as
/// accepted, because captive portals and proxies answer 200 too; and only a Lamplight problem counts as the
/// server's word on a single event, because proxies answer 400 too. With 0 events, which stand for an unknown number, none is
/// judged.
pub fn classify(answer: &Answer, events: usize) -> Verdict {
    let is_problem = events > 0 && text::has(&answer.body, "\"code\":");
    match answer.status {
        200..=299 if text::has(&answer.body, "\"status\":\"OK\"") => Verdict::Accepted,
        400 if is_problem && events > 1 => Verdict::Halve,
        400 if is_problem && events == 1 => Verdict::Park(DropReason::Rejected),
        413 if events > 1 => Verdict::Halve,
        413 if is_problem && events == 1 => Verdict::Park(DropReason::TooLarge),
        401 | 403 => Verdict::Keep(Hold::Longest),
        429 | 503 => Verdict::Keep(answer.retry_after_ms.map_or(Hold::Jitter, Hold::Asked)),
        _ => Verdict::Keep(Hold::Jitter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, body: &str, events: usize) -> Verdict {
        classify(&Answer { status, body: body.into(), retry_after_ms: None }, events)
    }

    #[test]
    fn only_our_own_ok_is_an_acceptance() {
        assert_eq!(verdict(200, r#"{"status":"OK","payload":"1"}"#, 3), Verdict::Accepted);
        assert_eq!(verdict(200, "<h1>Sign in to Wi-Fi</h1>", 3), Verdict::Keep(Hold::Jitter));
        assert_eq!(verdict(204, "", 3), Verdict::Keep(Hold::Jitter));
    }

    #[test]
    fn a_broken_batch_is_halved_until_one_event_stands_alone() {
        let problem = r#"{"code":"not_json"}"#;
        assert_eq!(verdict(400, problem, 2), Verdict::Halve);
        assert_eq!(verdict(400, problem, 1), Verdict::Park(DropReason::Rejected));
        assert_eq!(verdict(400, "<h1>Bad Request</h1>", 1), Verdict::Keep(Hold::Jitter));
    }

    #[test]
    fn a_large_batch_is_halved() {
        assert_eq!(verdict(413, "", 2), Verdict::Halve);
        assert_eq!(verdict(413, r#"{"code":"x"}"#, 1), Verdict::Park(DropReason::TooLarge));
        assert_eq!(verdict(413, "", 1), Verdict::Keep(Hold::Jitter));
    }

    #[test]
    fn a_refused_key_waits_longest_and_overload_waits_as_asked() {
        assert_eq!(verdict(401, "", 1), Verdict::Keep(Hold::Longest));
        let asked = Answer { status: 429, retry_after_ms: Some(3_000), ..Answer::default() };
        assert_eq!(classify(&asked, 5), Verdict::Keep(Hold::Asked(3_000)));
        assert_eq!(verdict(503, "", 5), Verdict::Keep(Hold::Jitter));
        assert_eq!(verdict(0, "", 5), Verdict::Keep(Hold::Jitter));
    }
}
