//! Sends a batch and reads the response.

use std::sync::Arc;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::{REQUEST_BYTES_MAX, Webhook, encode};
use crate::sinks::http::{self, Meaning, Request};
use crate::sinks::pieces::Pieces;
use crate::sinks::{AttemptResult, CheckResult, SendReport, SinkHealth};
use crate::store::{EventRow, Reason};

/// Sends `rows`. A refused request is halved until each event that is refused is alone.
pub(super) async fn send(webhook: &Webhook, rows: Arc<Vec<EventRow>>, now_ms: i64) -> SendReport {
    let unsent = AttemptResult::Retry(Reason::new("unsent", "a request before it failed"));
    let mut report = SendReport::all(rows.len(), &unsent, SinkHealth::Up);
    let sizes = rows.iter().map(|row| row.json_bytes() + 400);
    let mut pieces = Pieces::split(sizes, webhook.limits.events_max as usize, REQUEST_BYTES_MAX);
    while let Some(piece) = pieces.next() {
        let result = match post(webhook, &rows[piece.clone()], now_ms).await {
            Err(reason) => {
                report.health = SinkHealth::Busy(reason.clone(), None);
                AttemptResult::failed(piece.len(), reason)
            }
            Ok(answer) => {
                let reason = http::reason(&answer);
                match http::meaning(answer.status) {
                    Meaning::Taken => AttemptResult::Sent,
                    Meaning::TooLarge | Meaning::Refused if pieces.halve(&piece) => continue,
                    Meaning::TooLarge | Meaning::Refused => AttemptResult::Reject(reason),
                    Meaning::Busy => {
                        report.health = SinkHealth::Busy(reason.clone(), answer.retry_after_ms);
                        AttemptResult::failed(piece.len(), reason)
                    }
                    Meaning::Stop => {
                        report.health = SinkHealth::Stopped(reason.clone());
                        AttemptResult::Retry(reason)
                    }
                }
            }
        };
        report.results[piece].fill(result);
        if report.health != SinkHealth::Up {
            break;
        }
    }
    report
}

async fn post(webhook: &Webhook, rows: &[EventRow], now_ms: i64) -> Result<http::Answer, Reason> {
    deliver(webhook, encode::id(rows), encode::body(rows), now_ms).await
}

/// A signed delivery without events that says that it is a test.
pub(super) async fn check(webhook: &Webhook, now_ms: i64) -> CheckResult {
    let (id, body) = (format!("msg_test_{now_ms}"), encode::TEST_BODY.to_owned());
    match deliver(webhook, id, body, now_ms).await {
        Ok(answer) if http::meaning(answer.status) == Meaning::Taken => {
            let status = answer.status;
            CheckResult::Works(format!(
                "the receiver answered a signed test delivery without events with {status}"
            ))
        }
        answer => CheckResult::of_failure(answer),
    }
}

async fn deliver(
    webhook: &Webhook,
    id: String,
    body: String,
    now_ms: i64,
) -> Result<http::Answer, Reason> {
    let time_s = now_ms / 1_000;
    let signature = encode::signature(&webhook.signer, &id, time_s, &body);
    let header = |text: &str| {
        HeaderValue::from_str(text).map_err(|error| Reason::new("not_packed", &error.to_string()))
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (HeaderName::from_static("webhook-id"), header(&id)?),
        (HeaderName::from_static("webhook-timestamp"), HeaderValue::from(time_s)),
        (HeaderName::from_static("webhook-signature"), header(&signature)?),
    ];
    let headers = HeaderMap::from_iter(headers);
    let request = Request { url: webhook.url.clone(), headers, body: body.into() };
    webhook.service.send(request, now_ms).await
}
