//! HTTP as sinks need it: a client with limits, and what an answer means.

use std::fmt::Display;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Url};

use crate::store::Reason;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection may idle before it is closed.
const IDLE: Duration = Duration::from_secs(30);
/// Most bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A POST request. It may hold secrets wherever it can hold anything, so it is never logged.
#[derive(Clone)]
pub struct Request {
    /// Where to.
    pub url: Url,
    /// What it says about itself.
    pub headers: HeaderMap<HeaderValue>,
    /// What it carries.
    pub body: Bytes,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// For how long to wait, if it said.
    pub retry_after_ms: Option<i64>,
    /// Its body, or as much of it as came within the limits.
    pub body: Vec<u8>,
}

/// What an answer means to whoever sent a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// All of it was taken.
    Taken,
    /// It is too large.
    TooLarge,
    /// Not now, or nobody knows.
    Busy,
    /// Not before a person changes something.
    Stop,
    /// Something in it can never be taken.
    Refused,
}

/// An answer, or why none came.
pub type Posting<'a> = Pin<Box<dyn Future<Output = Result<Answer, Reason>> + Send + 'a>>;

/// The way to the outside network. An argument of the sinks that need it, so that a simulation can stand in for it.
pub trait Http: Send + Sync + 'static {
    /// Sends a request and reads the answer.
    ///
    /// Dropping the future leaves it open whether the request arrived.
    ///
    /// # Errors
    /// When no answer came, and so nobody knows whether the request arrived. The reason never holds the address, which
    /// may hold a secret.
    fn send(&self, request: Request, now_ms: i64) -> Posting<'_>;
}

/// The network itself. Proxies are taken from the environment, certificates are checked against Mozilla's roots and those
/// in a configured file (PEM), redirects are not followed: they would carry events, and credentials, to a place that
/// nobody configured.
#[derive(Debug)]
pub struct Client(reqwest::Client);

impl Client {
    /// A client whose requests may take `timeout_ms` each.
    ///
    /// # Errors
    /// When it cannot be made, for people.
    pub fn new(timeout_ms: u32, ca_file: Option<&Path>) -> Result<Self, String> {
        let mut builder = reqwest::Client::builder();
        if let Some(path) = ca_file {
            for authority in authorities(path)? {
                builder = builder.add_root_certificate(authority);
            }
        }
        builder
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .timeout(Duration::from_millis(u64::from(timeout_ms)))
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("lamplight/", env!("CARGO_PKG_VERSION")))
            .build()
            .map(Self)
            .map_err(|error| error.without_url().to_string())
    }

    async fn answer(&self, request: Request, now_ms: i64) -> Result<Answer, Reason> {
        let Request { url, headers, body } = request;
        let sending = self.0.post(url).headers(headers).body(body).send();
        let mut response = sending.await.map_err(failed)?;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after_ms = retry_after.and_then(|text| wait_ms(text, now_ms));
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_BYTES_MAX => {
                    body.extend(chunk);
                }
                Ok(_) => break,
                // That it was taken is all there is to know.
                Err(_) if status.is_success() => break,
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(Answer { status: status.as_u16(), retry_after_ms, body })
    }
}

impl Http for Client {
    fn send(&self, request: Request, now_ms: i64) -> Posting<'_> {
        Box::pin(self.answer(request, now_ms))
    }
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, String> {
    let failed =
        |why: &dyn Display| format!("its ca_file {} cannot be used: {why}", path.display());
    let pem = std::fs::read(path).map_err(|error| failed(&error))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| failed(&error))?;
    if found.is_empty() { Err(failed(&"there is no certificate in it")) } else { Ok(found) }
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

/// What an answer with this status means.
pub fn meaning(status: u16) -> Meaning {
    match status {
        200..=299 => Meaning::Taken,
        413 => Meaning::TooLarge,
        300..=399 | 401 | 403 | 410 => Meaning::Stop,
        404 | 405 | 408 | 425 | 429 => Meaning::Busy,
        400..=499 => Meaning::Refused,
        _ => Meaning::Busy,
    }
}

/// Why an answer with this status is no success, in the words of whoever sent it.
pub fn reason(answer: &Answer) -> Reason {
    let code = match answer.status {
        300..=399 => "redirected",
        401 | 403 => "not_allowed",
        408 => "timeout",
        413 => "too_large",
        429 => "rate_limited",
        404 | 405 | 410 => "not_there",
        400..=499 => "refused",
        _ => "server_failed",
    };
    let words = String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)]);
    Reason::new(code, &format!("HTTP {}: {}", answer.status, words.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        assert_eq!(wait_ms(" 12 ", 0), Some(12_000));
        assert_eq!(wait_ms("Thu, 01 Jan 1970 00:00:05 GMT", 2_000), Some(3_000));
        assert_eq!(wait_ms("Thu, 01 Jan 1970 00:00:05 GMT", 9_000), Some(0));
        assert_eq!(wait_ms("soon", 0), None);
        assert_eq!(wait_ms("-1", 0), None);
    }

    #[test]
    fn only_what_a_person_must_change_stops_a_sink() {
        let stops: Vec<u16> = (100..600)
            .filter(|status| meaning(*status) == Meaning::Stop && *status >= 400)
            .collect();
        assert_eq!(stops, [401, 403, 410]);
        assert!([429, 500, 502, 503, 504, 404].into_iter().all(|it| meaning(it) == Meaning::Busy));
    }
}
