//! What Mixpanel's responses say. Pure.
//!
//! A status alone proves nothing: a proxy or the login page of a network answers 200 with HTML, and
//! `/engage` answers 200 to updates that it refused. Only a body in Mixpanel's form counts.

use serde::Deserialize;

use crate::counted::counted;
use crate::sinks::http::{self, Answer, Meaning};
use crate::sinks::{AttemptResult, SinkHealth};
use crate::store::Reason;

/// The response of `/import`.
#[derive(Debug, Deserialize)]
struct Imported {
    num_records_imported: Option<usize>,
    #[serde(default)]
    failed_records: Vec<FailedRecord>,
}

#[derive(Debug, Deserialize)]
struct FailedRecord {
    index: Option<usize>,
    #[serde(alias = "$insert_id")]
    insert_id: Option<String>,
    field: Option<String>,
    message: Option<String>,
}

/// The response of `/engage` with `verbose=1`.
#[derive(Debug, Deserialize)]
struct Engaged {
    status: u8,
}

/// What a response says about the request as a whole.
pub(super) enum Read {
    Taken,
    Failed(Reason),
    Refused(Answer),
}

/// Reads the response to an import of `events` events. Sets the health of the sink.
pub(super) fn import(
    answer: Result<Answer, Reason>,
    events: usize,
    health: &mut SinkHealth,
) -> Read {
    read(answer, health, |answer| {
        let imported: Option<Imported> = serde_json::from_slice(&answer.body).ok();
        match imported.and_then(|it| it.num_records_imported) {
            Some(imported) if imported >= events => Ok(true),
            Some(imported) => {
                let detail = format!(
                    "Mixpanel imported {imported} of {}",
                    counted(events as u64, "event", "events")
                );
                Err(Reason::new("unclear", &detail))
            }
            None => Err(not_mixpanel(answer)),
        }
    })
}

/// Reads the response to updates of profiles. Sets the health of the sink.
pub(super) fn engage(answer: Result<Answer, Reason>, health: &mut SinkHealth) -> Read {
    read(answer, health, |answer| {
        let engaged: Option<Engaged> = serde_json::from_slice(&answer.body).ok();
        engaged.map(|engaged| engaged.status == 1).ok_or_else(|| not_mixpanel(answer))
    })
}

/// Reads a response. `accepts` says whether a successful one accepts or refuses the request.
fn read(
    answer: Result<Answer, Reason>,
    health: &mut SinkHealth,
    accepts: impl FnOnce(&Answer) -> Result<bool, Reason>,
) -> Read {
    let answer = match answer {
        Ok(answer) => answer,
        Err(reason) => {
            *health = SinkHealth::Busy(reason.clone(), None);
            return Read::Failed(reason);
        }
    };
    let reason = match http::meaning(answer.status) {
        Meaning::Taken => match accepts(&answer) {
            Ok(true) => return Read::Taken,
            Ok(false) => return Read::Refused(answer),
            Err(reason) => reason,
        },
        Meaning::TooLarge => return Read::Refused(answer),
        // A refusal by anything but Mixpanel says nothing about the events.
        Meaning::Refused if is_object(&answer.body) => return Read::Refused(answer),
        Meaning::Refused => not_mixpanel(&answer),
        Meaning::Busy => http::reason(&answer),
        Meaning::Stop => {
            let reason = http::reason(&answer);
            *health = SinkHealth::Stopped(reason.clone());
            return Read::Failed(reason);
        }
    };
    *health = SinkHealth::Busy(reason.clone(), answer.retry_after_ms);
    Read::Failed(reason)
}

/// Whether a body has the form of Mixpanel's answers to an import.
pub(super) fn is_mixpanels(body: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body).is_ok_and(|it| {
        ["num_records_imported", "code", "error"].iter().any(|name| it.contains_key(*name))
    })
}

fn is_object(body: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body).is_ok()
}

fn not_mixpanel(answer: &Answer) -> Reason {
    let detail = format!(
        "the response is not Mixpanel's, but perhaps a proxy's: {}",
        http::reason(answer).detail
    );
    Reason::new("not_mixpanel", &detail)
}

/// The result of each event of a refused request. `None` when the response does not tell.
pub(super) fn partial(answer: &Answer, part: &[(usize, String)]) -> Option<Vec<AttemptResult>> {
    let partial: Imported = serde_json::from_slice(&answer.body).ok()?;
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
