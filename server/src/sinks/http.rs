//! HTTP for sinks: a client with limits, and what a response means.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue};
use reqwest::Url;
use reqwest::redirect::Policy;

use crate::store::Reason;
use crate::system::authorities;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection may idle before it is closed.
const IDLE: Duration = Duration::from_secs(30);
/// The most bytes of a response body that are read.
const RESPONSE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A POST request. Each part of it may contain a secret, so it is never logged.
#[derive(Clone)]
pub struct Request {
    /// The address.
    pub url: Url,
    /// The headers.
    pub headers: HeaderMap<HeaderValue>,
    /// The body.
    pub body: Bytes,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The pause that `Retry-After` asks for.
    pub retry_after_ms: Option<i64>,
    /// The body, up to the limits of size and time.
    pub body: Vec<u8>,
}

/// What a response means for the batch that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// All of it was accepted.
    Taken,
    /// It is too large.
    TooLarge,
    /// Not accepted now, or unknown: retry later.
    Busy,
    /// Not accepted until the configuration changes.
    Stop,
    /// Part of it will never be accepted.
    Refused,
}

/// A request in flight: its response, or why there was none.
pub type Posting<'a> = Pin<Box<dyn Future<Output = Result<Answer, Reason>> + Send + 'a>>;

/// The outside network. An argument of the sinks that need it, so that a simulation can replace it.
pub trait Http: Send + Sync + 'static {
    /// Sends a request and reads the response.
    ///
    /// If the future is dropped, the request may have arrived.
    ///
    /// # Errors
    /// When there was no response, so that the request may have arrived. The reason never contains
    /// the address, which may contain a secret.
    fn send(&self, request: Request, now_ms: i64) -> Posting<'_>;
}

/// The real network. Proxies come from the environment. Certificates are checked against Mozilla's
/// roots and those of a configured file (PEM). Redirects are not followed: they would send events
/// and credentials to an address that nobody configured.
#[derive(Debug)]
pub struct HttpClient(reqwest::Client);

impl HttpClient {
    /// A client whose requests may take `timeout_ms` each.
    ///
    /// # Errors
    /// Why the client cannot be created.
    pub fn new(timeout_ms: u32, ca_file: Option<&Path>) -> Result<Self, String> {
        let trusting = authorities::trust(reqwest::Client::builder(), ca_file);
        trusting
            .map_err(|error| format!("failed to {error}"))?
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .timeout(Duration::from_millis(u64::from(timeout_ms)))
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("lamplight/", env!("CARGO_PKG_VERSION")))
            .build()
            .map(Self)
            .map_err(|error| error.without_url().to_string())
    }

    async fn post(&self, request: Request, now_ms: i64) -> Result<Answer, Reason> {
        let Request { url, headers, body } = request;
        let sending = self.0.post(url).headers(headers).body(body).send();
        let mut response = sending.await.map_err(failed)?;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after_ms = retry_after.and_then(|text| wait_ms(text, now_ms));
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= RESPONSE_BYTES_MAX => {
                    body.extend(chunk);
                }
                Ok(_) => break,
                // The status says that it was accepted; the body adds nothing.
                Err(_) if status.is_success() => break,
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(Answer { status: status.as_u16(), retry_after_ms, body })
    }
}

impl Http for HttpClient {
    fn send(&self, request: Request, now_ms: i64) -> Posting<'_> {
        Box::pin(self.post(request, now_ms))
    }
}

fn failed(error: reqwest::Error) -> Reason {
    let code = if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "unreachable"
    } else {
        "connection_lost"
    };
    let error = error.without_url();
    let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
    Reason::new(code, &causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}")))
}

/// The time that `Retry-After` asks for (RFC 9110, section 10.2.3): seconds, or a date.
fn wait_ms(text: &str, now_ms: i64) -> Option<i64> {
    if let Ok(seconds) = text.trim().parse::<u32>() {
        return Some(i64::from(seconds) * 1_000);
    }
    let until = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp().as_millisecond();
    Some(until.saturating_sub(now_ms).max(0))
}

/// What a response with this status means.
pub fn meaning(status: u16) -> Meaning {
    match status {
        200..=299 => Meaning::Taken,
        413 => Meaning::TooLarge,
        300..=399 | 401 | 403 | 410 => Meaning::Stop,
        // Also what a proxy or an expired plan answers, whatever the request contains.
        402 | 404 | 405 | 407 | 408 | 421 | 423 | 425 | 429 => Meaning::Busy,
        400..=499 => Meaning::Refused,
        _ => Meaning::Busy,
    }
}

/// Whether a request that failed for this reason may have failed because of what it contains. A
/// connection that was refused, a rate limit, or credentials have nothing to do with it.
pub fn may_be_content(reason: &Reason) -> bool {
    matches!(
        reason.code,
        "server_failed" | "timeout" | "connection_lost" | "not_packed" | "unclear"
    )
}

/// Why this response is no success, with the beginning of its body.
pub fn reason(answer: &Answer) -> Reason {
    let code = match answer.status {
        300..=399 => "redirected",
        401 | 403 => "not_allowed",
        408 => "timeout",
        413 => "too_large",
        429 => "rate_limited",
        402 | 407 | 421 | 423 => "not_available",
        404 | 405 | 410 => "not_there",
        400..=499 => "refused",
        _ => "server_failed",
    };
    let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)]);
    Reason::new(code, &format!("HTTP {}: {}", answer.status, text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(wait_ms(" 12 ", 0), Some(12_000));
        assert_eq!(wait_ms("Thu, 01 Jan 1970 00:00:05 GMT", 2_000), Some(3_000));
        assert_eq!(wait_ms("Thu, 01 Jan 1970 00:00:05 GMT", 9_000), Some(0));
        assert_eq!(wait_ms("soon", 0), None);
        assert_eq!(wait_ms("-1", 0), None);
    }

    #[test]
    fn only_errors_of_the_configuration_stop_a_sink() {
        let stops: Vec<u16> = (100..600)
            .filter(|status| meaning(*status) == Meaning::Stop && *status >= 400)
            .collect();
        assert_eq!(stops, [401, 403, 410]);
        assert!([429, 500, 502, 503, 504, 404].into_iter().all(|it| meaning(it) == Meaning::Busy));
    }
}
