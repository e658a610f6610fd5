//! Sends a batch in as many requests as the limits need, and reads the result of each event.

use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;

use super::{EVENTS_MAX, Mixpanel, REQUEST_BYTES_MAX, encode};
use crate::sinks::http::{self, Answer, Meaning, Request};
use crate::sinks::pieces::Pieces;
use crate::sinks::{AttemptResult, SendReport, SinkHealth};
use crate::store::{EventRow, Reason};
use crate::system::supervisor::run_blocking;

/// The response to a request of which some events were refused.
#[derive(Debug, Deserialize)]
struct Partial {
    num_records_imported: Option<usize>,
    #[serde(default)]
    failed_records: Vec<FailedRecord>,
}

#[derive(Debug, Deserialize)]
struct FailedRecord {
    index: Option<usize>,
    insert_id: Option<String>,
    field: Option<String>,
    message: Option<String>,
}

/// A batch as JSON texts, each with the place of its event.
#[derive(Debug, Default)]
struct Encoded {
    events: Vec<(usize, String)>,
    profiles: Vec<(usize, String)>,
    unreadable: Vec<(usize, Reason)>,
}

impl Encoded {
    fn new(rows: &[EventRow], token: &str) -> Self {
        let mut encoded = Self::default();
        for (at, row) in rows.iter().enumerate() {
            match (encode::event(row), encode::profile(row, token)) {
                (Ok(event), _) if event.len() + 2 > REQUEST_BYTES_MAX => {
                    let detail =
                        format!("the event has {} bytes in Mixpanel's format", event.len());
                    encoded.unreadable.push((at, Reason::new("too_large", &detail)));
                }
                (Ok(event), Ok(profile)) => {
                    encoded.events.push((at, event));
                    encoded.profiles.extend(profile.map(|profile| (at, profile)));
                }
                (Err(reason), _) | (_, Err(reason)) => encoded.unreadable.push((at, reason)),
            }
        }
        encoded
    }
}

/// Sends `rows`: events first, then the profiles of those that were accepted.
pub(super) async fn send(mixpanel: &Mixpanel, rows: Arc<Vec<EventRow>>, now_ms: i64) -> SendReport {
    let (count, token) = (rows.len(), mixpanel.token.clone());
    let encoded = run_blocking(move || Encoded::new(&rows, &token)).await;
    let unsent = AttemptResult::Retry(Reason::new("unsent", "a request before it failed"));
    let mut report = SendReport::all(count, &unsent, SinkHealth::Up);
    for (at, reason) in encoded.unreadable {
        report.results[at] = AttemptResult::Reject(reason);
    }
    import(mixpanel, Arc::new(encoded.events), now_ms, &mut report).await;
    let mut profiles = encoded.profiles;
    profiles.retain(|(at, _)| report.results[*at] == AttemptResult::Sent);
    if !profiles.is_empty() {
        engage(mixpanel, Arc::new(profiles), now_ms, &mut report).await;
    }
    report
}

/// JSON texts, each with the place of its event in the batch.
type Texts = Arc<Vec<(usize, String)>>;

async fn import(mixpanel: &Mixpanel, events: Texts, now_ms: i64, report: &mut SendReport) {
    let mut pieces = split(&events);
    while let Some(piece) = pieces.next() {
        let part = &events[piece.clone()];
        let answer = post(mixpanel, &mixpanel.import_url, &events, &piece, now_ms).await;
        let results = match read(answer, &mut report.health) {
            Read::Taken => vec![AttemptResult::Sent; part.len()],
            Read::Failed(reason) => {
                vec![AttemptResult::failed(part.len(), reason); part.len()]
            }
            Read::Refused(answer) => match partial(&answer, part) {
                Some(results) => results,
                None if pieces.halve(&piece) => continue,
                None => vec![AttemptResult::Reject(http::reason(&answer)); part.len()],
            },
        };
        for ((at, _), result) in part.iter().zip(results) {
            report.results[*at] = result;
        }
        if report.health != SinkHealth::Up {
            return;
        }
    }
}

/// Updates profiles. `/engage` does not say which of several updates it refused, so they are halved
/// until one is left.
async fn engage(mixpanel: &Mixpanel, profiles: Texts, now_ms: i64, report: &mut SendReport) {
    // A profile that is not sent after a failure is retried with its event, which Mixpanel then
    // recognizes as repeated.
    let unsent = Reason::new("profile_unsent", "a request before that of its profile failed");
    for (at, _) in profiles.iter() {
        report.results[*at] = AttemptResult::Retry(unsent.clone());
    }
    if report.health != SinkHealth::Up {
        return;
    }
    let mut pieces = split(&profiles);
    while let Some(piece) = pieces.next() {
        let part = &profiles[piece.clone()];
        let answer = post(mixpanel, &mixpanel.engage_url, &profiles, &piece, now_ms).await;
        let result = match read(answer, &mut report.health) {
            Read::Taken => AttemptResult::Sent,
            Read::Failed(reason) => AttemptResult::failed(part.len(), reason),
            Read::Refused(_) if pieces.halve(&piece) => continue,
            Read::Refused(answer) => {
                AttemptResult::Reject(Reason::new("profile_refused", &http::reason(&answer).detail))
            }
        };
        for (at, _) in part {
            report.results[*at] = result.clone();
        }
        if report.health != SinkHealth::Up {
            return;
        }
    }
}

fn split(texts: &[(usize, String)]) -> Pieces {
    // A comma for each, and the brackets.
    let sizes = texts.iter().map(|(_, text)| text.len() + 1);
    Pieces::split(sizes, EVENTS_MAX as usize, REQUEST_BYTES_MAX - 2)
}

/// What a response says about the request as a whole.
enum Read {
    Taken,
    Failed(Reason),
    Refused(Answer),
}

fn read(answer: Result<Answer, Reason>, health: &mut SinkHealth) -> Read {
    let answer = match answer {
        Ok(answer) => answer,
        Err(reason) => {
            *health = SinkHealth::Busy(reason.clone(), None);
            return Read::Failed(reason);
        }
    };
    let reason = http::reason(&answer);
    match http::meaning(answer.status) {
        Meaning::Taken if is_refusal(&answer) => return Read::Refused(answer),
        Meaning::Taken => return Read::Taken,
        Meaning::Refused | Meaning::TooLarge => return Read::Refused(answer),
        Meaning::Busy => *health = SinkHealth::Busy(reason.clone(), answer.retry_after_ms),
        Meaning::Stop => *health = SinkHealth::Stopped(reason.clone()),
    }
    Read::Failed(reason)
}

/// `/engage` can respond with status 200 and a body that says that nothing was done.
fn is_refusal(answer: &Answer) -> bool {
    #[derive(Deserialize)]
    struct Verbose {
        status: u8,
    }
    serde_json::from_slice::<Verbose>(&answer.body).is_ok_and(|verbose| verbose.status == 0)
}

/// The result of each event of a refused request. `None` when the response does not tell.
fn partial(answer: &Answer, part: &[(usize, String)]) -> Option<Vec<AttemptResult>> {
    let partial: Partial = serde_json::from_slice(&answer.body).ok()?;
    if partial.failed_records.is_empty() {
        return None;
    }
    let mut results = vec![AttemptResult::Sent; part.len()];
    let mut failed = 0;
    for record in partial.failed_records {
        let at = record.index.filter(|at| *at < part.len() && is_about(&record, &part[*at].1));
        let at = at.or_else(|| part.iter().position(|(_, text)| is_about(&record, text)))?;
        let (field, message) =
            (record.field.unwrap_or_default(), record.message.unwrap_or_default());
        failed += usize::from(results[at] == AttemptResult::Sent);
        results[at] = AttemptResult::Reject(Reason::new("refused", &format!("{field}: {message}")));
    }
    if partial.num_records_imported.is_some_and(|imported| imported + failed != part.len()) {
        // It accepted fewer events than it did not refuse. Sending those again changes nothing.
        let reason = Reason::new("unclear", "Mixpanel neither accepted nor refused the event");
        for result in results.iter_mut().filter(|result| **result == AttemptResult::Sent) {
            *result = AttemptResult::Retry(reason.clone());
        }
    }
    Some(results)
}

/// Whether the record is about this event. A record without an id is about the event at its index.
fn is_about(record: &FailedRecord, text: &str) -> bool {
    match record.insert_id.as_deref().filter(|id| !id.is_empty()) {
        // Ours is the first in the text; the page's properties may contain others.
        Some(id) => text
            .split_once("\"$insert_id\":\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .is_some_and(|(ours, _)| ours == id),
        None => record.index.is_some(),
    }
}

async fn post(
    mixpanel: &Mixpanel,
    url: &Url,
    texts: &Texts,
    piece: &Range<usize>,
    now_ms: i64,
) -> Result<Answer, Reason> {
    let (texts, piece) = (Arc::clone(texts), piece.clone());
    // Compressing 2 MB takes too long for a thread that runs tasks.
    let body = run_blocking(move || body(&texts[piece])).await;
    let body = body.map_err(|error| Reason::new("not_packed", &error.to_string()))?;
    let headers = [
        (AUTHORIZATION, mixpanel.authorization.clone()),
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CONTENT_ENCODING, HeaderValue::from_static("gzip")),
    ];
    let request = Request { url: url.clone(), headers: HeaderMap::from_iter(headers), body };
    mixpanel.http.send(request, now_ms).await
}

/// The texts as one JSON array, compressed. The header has no time, so that the same texts give the
/// same bytes.
fn body(part: &[(usize, String)]) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(64 * 1024), Compression::fast());
    for (index, (_, text)) in part.iter().enumerate() {
        encoder.write_all(if index == 0 { b"[" } else { b"," })?;
        encoder.write_all(text.as_bytes())?;
    }
    encoder.write_all(b"]")?;
    Ok(encoder.finish()?.into())
}
