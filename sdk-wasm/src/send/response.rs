//! What a response means.

use lamplight_wire::reason::DropReason;

use crate::ports::Response;
use crate::send::backoff::RetryDelay;
use crate::text;

/// What to do with the events of a request after its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseAction {
    /// Remove them: they are on the server's disk.
    Accept,
    /// Send fewer at once: one of them is broken, or they are too many.
    Halve,
    /// Drop the only event: the server can never store it.
    Drop(DropReason),
    /// Keep them and retry after a wait.
    Retry(RetryDelay),
}

/// Classifies the response to a request with `events` events.
///
/// Only a 2xx with Lamplight's body accepts events, because captive portals and proxies answer 200
/// too. Only a Lamplight problem decides about a single event, because proxies answer 400 too. With
/// 0 events, which means an unknown number, no event is dropped and no batch halved.
pub fn classify(response: &Response, events: usize) -> ResponseAction {
    let is_problem = events > 0 && text::contains(&response.body, "\"code\":");
    match response.status {
        200..=299 if text::contains(&response.body, "\"status\":\"OK\"") => ResponseAction::Accept,
        400 if is_problem && events > 1 => ResponseAction::Halve,
        400 if is_problem && events == 1 => ResponseAction::Drop(DropReason::Rejected),
        413 if events > 1 => ResponseAction::Halve,
        413 if is_problem && events == 1 => ResponseAction::Drop(DropReason::TooLarge),
        401 | 403 => ResponseAction::Retry(RetryDelay::Longest),
        429 | 503 => ResponseAction::Retry(
            response.retry_after_ms.map_or(RetryDelay::Jittered, RetryDelay::ServerSet),
        ),
        _ => ResponseAction::Retry(RetryDelay::Jittered),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(status: u16, body: &str, events: usize) -> ResponseAction {
        classify(&Response { status, body: body.into(), retry_after_ms: None }, events)
    }

    #[test]
    fn only_a_lamplight_ok_accepts_events() {
        assert_eq!(action(200, r#"{"status":"OK","payload":"1"}"#, 3), ResponseAction::Accept);
        assert_eq!(
            action(200, "<h1>Sign in to Wi-Fi</h1>", 3),
            ResponseAction::Retry(RetryDelay::Jittered)
        );
        assert_eq!(action(204, "", 3), ResponseAction::Retry(RetryDelay::Jittered));
    }

    #[test]
    fn a_rejected_batch_is_halved_until_one_event_is_left() {
        let problem = r#"{"code":"not_json"}"#;
        assert_eq!(action(400, problem, 2), ResponseAction::Halve);
        assert_eq!(action(400, problem, 1), ResponseAction::Drop(DropReason::Rejected));
        assert_eq!(
            action(400, "<h1>Bad Request</h1>", 1),
            ResponseAction::Retry(RetryDelay::Jittered)
        );
    }

    #[test]
    fn a_too_large_batch_is_halved() {
        assert_eq!(action(413, "", 2), ResponseAction::Halve);
        assert_eq!(action(413, r#"{"code":"x"}"#, 1), ResponseAction::Drop(DropReason::TooLarge));
        assert_eq!(action(413, "", 1), ResponseAction::Retry(RetryDelay::Jittered));
    }

    #[test]
    fn a_refused_key_waits_longest_and_overload_waits_for_retry_after() {
        assert_eq!(action(401, "", 1), ResponseAction::Retry(RetryDelay::Longest));
        let retry_after =
            Response { status: 429, retry_after_ms: Some(3_000), ..Response::default() };
        assert_eq!(classify(&retry_after, 5), ResponseAction::Retry(RetryDelay::ServerSet(3_000)));
        assert_eq!(action(503, "", 5), ResponseAction::Retry(RetryDelay::Jittered));
        assert_eq!(action(0, "", 5), ResponseAction::Retry(RetryDelay::Jittered));
    }
}
