//! The events that the same producer made before and after.

use super::subject::{Subject, address};
use crate::api::{Trace, read_trace};
use crate::app::App;
use crate::http::problem::Problem;
use crate::store::{Completeness, Outcome};

/// How many numbers are shown on each side.
const EACH_SIDE: u64 = 4;

/// An event of the same producer.
#[derive(Debug)]
pub(super) struct Neighbour {
    pub(super) seq: u64,
    pub(super) name: Option<String>,
    pub(super) state: (&'static str, &'static str),
    pub(super) at_ms: Option<i64>,
    /// Its page, if something is known about it.
    pub(super) link: Option<String>,
    pub(super) is_subject: bool,
}

/// The numbers before and after the event's own, if it has one.
pub(super) async fn read(app: &App, subject: &Subject) -> Result<Vec<Neighbour>, Problem> {
    let Some((producer, seq)) = subject.number else { return Ok(Vec::new()) };
    let mut neighbours = Vec::new();
    for number in seq.saturating_sub(EACH_SIDE).max(1)..=seq.saturating_add(EACH_SIDE) {
        let id = format!("{producer}-{number}");
        let trace = match read_trace(app, &id, Some(subject.source.clone())).await {
            Ok(trace) => Some(trace),
            Err(problem) if problem.status.is_client_error() => None,
            Err(problem) => return Err(problem),
        };
        let (state, name, at_ms) = match &trace {
            Some(Trace::Stored { event, .. }) => {
                (("good", "stored"), Some(event.row.name.clone()), Some(event.row.time_ms))
            }
            Some(Trace::Refused { event, .. }) => {
                let state = match event.outcome {
                    Outcome::Duplicate => ("warn", "duplicate"),
                    _ => ("bad", "invalid"),
                };
                let name = event.content.as_ref().and_then(|it| it.name.clone());
                (state, name, Some(event.received_ms))
            }
            Some(Trace::Waiting(event)) => {
                let name = event.planned.columns().map(|it| it.name.clone());
                (("info", "waiting to be processed"), name, Some(event.metadata.received_ms))
            }
            Some(Trace::Missing(event)) => {
                let state = match event.verdict {
                    Completeness::Declared => ("warn", "dropped by the page"),
                    Completeness::Lost => ("bad", "lost"),
                    Completeness::InFlight | Completeness::Complete => {
                        ("info", "in the page's browser")
                    }
                };
                (state, None, None)
            }
            None => (("", "not known"), None, None),
        };
        let mut query = form_urlencoded::Serializer::new(String::new());
        let query = query.append_pair("source", &subject.source).finish();
        let link = trace.is_some().then(|| format!("{}?{query}", address(&id)));
        let is_subject = number == seq;
        neighbours.push(Neighbour { seq: number, name, state, at_ms, link, is_subject });
    }
    Ok(neighbours)
}
