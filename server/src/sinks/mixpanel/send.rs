//! Sends a batch in as many requests as the limits need, and reads the result of each event.

use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};

use super::answer::{self, Read};
use super::profile::ProfileUpdate;
use super::{EVENTS_MAX, Mixpanel, REQUEST_BYTES_MAX, encode, limits};
use crate::sinks::http::{self, Answer, Request};
use crate::sinks::pieces::Pieces;
use crate::sinks::{AttemptResult, CheckResult, SendReport, SinkHealth};
use crate::store::{EventRow, Reason};
use crate::system::supervisor::run_blocking;

/// A batch, each part of it with the place of its event.
#[derive(Debug, Default)]
struct Encoded {
    events: Vec<(usize, String)>,
    profiles: Vec<(usize, ProfileUpdate)>,
    refused: Vec<(usize, Reason)>,
}

impl Encoded {
    fn new(rows: &[EventRow], now_ms: i64) -> Self {
        let mut encoded = Self::default();
        for (at, row) in rows.iter().enumerate() {
            let event = encode::event(row);
            let checked =
                event.and_then(|event| limits::check(row, &event, now_ms).map(|()| event));
            match (checked, ProfileUpdate::of(row)) {
                (Ok(event), Ok(profile)) => {
                    encoded.events.push((at, event));
                    encoded.profiles.extend(profile.map(|profile| (at, profile)));
                }
                (Err(reason), _) | (_, Err(reason)) => encoded.refused.push((at, reason)),
            }
        }
        // The sort is stable, so events of the same time keep their order.
        encoded.profiles.sort_by_key(|(_, profile)| profile.time_ms);
        encoded
    }
}

/// Sends `rows`: events first, then the profiles of those that were accepted.
pub(super) async fn send(mixpanel: &Mixpanel, rows: Arc<Vec<EventRow>>, now_ms: i64) -> SendReport {
    let count = rows.len();
    let encoded = run_blocking(move || Encoded::new(&rows, now_ms)).await;
    let unsent = AttemptResult::Retry(Reason::new("unsent", "a request before it failed"));
    let mut report = SendReport::all(count, &unsent, SinkHealth::Up);
    for (at, reason) in encoded.refused {
        report.results[at] = AttemptResult::Reject(reason);
    }
    import(mixpanel, Arc::new(encoded.events), now_ms, &mut report).await;
    let mut profiles = encoded.profiles;
    profiles.retain(|(at, _)| report.results[*at] == AttemptResult::Sent);
    if !profiles.is_empty() {
        engage(mixpanel, profiles, now_ms, &mut report).await;
    }
    report
}

/// JSON texts, each with the place of its event in the batch.
type Texts = Arc<Vec<(usize, String)>>;

async fn import(mixpanel: &Mixpanel, events: Texts, now_ms: i64, report: &mut SendReport) {
    let mut pieces = split(&events);
    while let Some(piece) = pieces.next() {
        let part = &events[piece.clone()];
        let answer = post(mixpanel, Api::Import, &events, &piece, now_ms).await;
        let results = match answer::import(answer, part.len(), &mut report.health) {
            Read::Taken => vec![AttemptResult::Sent; part.len()],
            Read::Failed(reason) => {
                vec![AttemptResult::failed(part.len(), reason); part.len()]
            }
            Read::Refused(answer) => match answer::partial(&answer, part) {
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
async fn engage(
    mixpanel: &Mixpanel,
    profiles: Vec<(usize, ProfileUpdate)>,
    now_ms: i64,
    report: &mut SendReport,
) {
    // A profile that is not sent after a failure is retried with its event, which Mixpanel then
    // recognizes as repeated.
    let unsent = Reason::new("profile_unsent", "a request before that of its profile failed");
    for (at, _) in &profiles {
        report.results[*at] = AttemptResult::Retry(unsent.clone());
    }
    if report.health != SinkHealth::Up {
        return;
    }
    let mut newest = mixpanel.newest.lock().await;
    let mut texts = Vec::with_capacity(profiles.len());
    for (at, mut profile) in profiles {
        newest.filter(&mut profile);
        // Even if the request fails, Mixpanel may have them.
        newest.record(&profile);
        texts.extend(profile.texts(&mixpanel.token).into_iter().map(|text| (at, text)));
        report.results[at] = AttemptResult::Sent;
    }
    let texts = Arc::new(texts);
    for (at, _) in texts.iter() {
        report.results[*at] = AttemptResult::Retry(unsent.clone());
    }
    let mut refused = Vec::new();
    let mut pieces = split(&texts);
    while let Some(piece) = pieces.next() {
        let part = &texts[piece.clone()];
        let answer = post(mixpanel, Api::Engage, &texts, &piece, now_ms).await;
        let result = match answer::engage(answer, &mut report.health) {
            Read::Taken => AttemptResult::Sent,
            Read::Failed(reason) => AttemptResult::failed(part.len(), reason),
            Read::Refused(_) if pieces.halve(&piece) => continue,
            Read::Refused(answer) => {
                let reason = Reason::new("profile_refused", &http::reason(&answer).detail);
                refused.push((part[0].0, reason));
                continue;
            }
        };
        for (at, _) in part {
            report.results[*at] = result.clone();
        }
        if report.health != SinkHealth::Up {
            break;
        }
    }
    // An event may have two texts. If one was refused, the other does not hide it.
    for (at, reason) in refused {
        report.results[at] = AttemptResult::Reject(reason);
    }
}

fn split(texts: &[(usize, String)]) -> Pieces {
    // A comma for each, and the brackets.
    let sizes = texts.iter().map(|(_, text)| text.len() + 1);
    Pieces::split(sizes, EVENTS_MAX as usize, REQUEST_BYTES_MAX - 2)
}

/// The two APIs that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Api {
    Import,
    /// Its documentation says that it does not decompress requests.
    Engage,
}

async fn post(
    mixpanel: &Mixpanel,
    api: Api,
    texts: &Texts,
    piece: &Range<usize>,
    now_ms: i64,
) -> Result<Answer, Reason> {
    let (texts, piece) = (Arc::clone(texts), piece.clone());
    let is_packed = api == Api::Import;
    // Compressing 2 MB takes too long for a thread that runs tasks.
    let body = run_blocking(move || body(&texts[piece], is_packed)).await;
    let body = body.map_err(|error| Reason::new("not_packed", &error.to_string()))?;
    let mut headers = HeaderMap::from_iter([
        (AUTHORIZATION, mixpanel.authorization.clone()),
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ]);
    if is_packed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let url = if is_packed { &mixpanel.import_url } else { &mixpanel.engage_url };
    let request = Request { url: url.clone(), headers, body };
    mixpanel.service.send(request, now_ms).await
}

/// Imports no events, which Mixpanel answers after it has checked the credentials: with 200, or
/// with a 400 in its own form, because there are none.
pub(super) async fn check(mixpanel: &Mixpanel, now_ms: i64) -> CheckResult {
    let answer = post(mixpanel, Api::Import, &Texts::default(), &(0..0), now_ms).await;
    match answer {
        Ok(Answer { status, body, .. })
            if matches!(status, 200..=299 | 400) && answer::is_mixpanels(&body) =>
        {
            let how = format!(
                "Mixpanel accepts the credentials: it answered an import of no events with {status}"
            );
            CheckResult::Works(how)
        }
        Ok(answer) if matches!(answer.status, 200..=299) => CheckResult::Fails(format!(
            "what answers is not Mixpanel, but perhaps a proxy: check the address (HTTP {})",
            answer.status
        )),
        answer => CheckResult::of_failure(answer),
    }
}

/// The texts as one JSON array. Compressed, its header has no time, so that the same texts give the
/// same bytes.
fn body(part: &[(usize, String)], is_packed: bool) -> std::io::Result<Bytes> {
    let write = |out: &mut dyn Write| -> std::io::Result<()> {
        if part.is_empty() {
            return out.write_all(b"[]");
        }
        for (index, (_, text)) in part.iter().enumerate() {
            out.write_all(if index == 0 { b"[" } else { b"," })?;
            out.write_all(text.as_bytes())?;
        }
        out.write_all(b"]")
    };
    if !is_packed {
        let mut out = Vec::new();
        write(&mut out)?;
        return Ok(out.into());
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(64 * 1024), Compression::fast());
    write(&mut encoder)?;
    Ok(encoder.finish()?.into())
}
