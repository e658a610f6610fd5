//! What happened to an event, step by step.

use crate::api::Trace;
use crate::api::timeline::{self, Entry};
use crate::store::{DeliveryState, Repeat};
use crate::web::console::shown::{Markup, duration, escape, foreign, time};

/// One step.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) at_ms: Option<i64>,
    pub(super) what: String,
    pub(super) more: Markup,
    /// The class of its state.
    pub(super) class: &'static str,
}

impl Step {
    fn new(at_ms: Option<i64>, what: impl Into<String>, more: Markup, class: &'static str) -> Self {
        Self { at_ms, what: what.into(), more, class }
    }
}

fn plain(text: &str) -> Markup {
    Markup(escape(text))
}

/// Every step that is known, and what is not known about the others. `sent_ms` is when the request
/// was sent, by the client's clock.
pub(super) fn steps(trace: &Trace, sent_ms: Option<i64>) -> Vec<Step> {
    let mut entries = match trace {
        Trace::Stored { event, steps, .. } => timeline::stored(event, &[], steps),
        Trace::Refused { event, .. } => timeline::refused(event, &[]),
        Trace::Waiting(event) => timeline::waiting(event),
        Trace::Missing(event) => {
            return vec![
                Step::new(None, "Made", plain("When is not known: it has not arrived."), ""),
                Step::new(
                    Some(event.last_heard_ms),
                    "The page was last heard from",
                    plain("It sent other events, or said which it dropped."),
                    "",
                ),
            ];
        }
    };
    let mut steps = vec![made(trace)];
    let stored = "The page does not report when it stored an event in the browser.";
    steps.push(Step::new(None, "Stored in the browser", plain(stored), ""));
    steps.push(match sent_ms {
        Some(ms) => {
            let unknown = "How often it was tried, and why then, is not reported.";
            let more = format!("At {} by the client&#39;s clock. {unknown}", time(ms));
            Step::new(None, "Sent", Markup(more), "")
        }
        None => Step::new(None, "Sent", plain("The request does not say when."), ""),
    });
    // Those of several sinks, in the order in which they happened.
    entries.sort_by_key(|entry| entry.at.unwrap_or(i64::MAX));
    steps.extend(entries.iter().filter(|entry| entry.state != "made").map(step));
    if let Trace::Stored { repeats, .. } | Trace::Refused { repeats, .. } = trace {
        steps.extend(repeats.iter().map(repeated));
    }
    steps
}

/// A later arrival of the same event.
fn repeated(repeat: &Repeat) -> Step {
    let more = format!(
        "In payload <code>{}</code>, received at {}. Only the first arrival is stored.",
        repeat.payload,
        time(repeat.received_ms)
    );
    let what = "Arrived again, recognized as a duplicate";
    Step::new(Some(repeat.applied_ms), what, Markup(more), "warn")
}

/// When it was made, by both clocks.
fn made(trace: &Trace) -> Step {
    let times = match trace {
        Trace::Stored { event, .. } => Some((event.row.ts_ms, event.row.time_ms)),
        Trace::Waiting(event) => event.planned.columns().map(|it| (it.ts_ms, it.time_ms)),
        Trace::Refused { event, .. } => {
            let ts_ms = event.content.as_ref().and_then(|it| it.ts_ms);
            let more = match ts_ms {
                Some(ms) => Markup(format!("At {} by the client&#39;s clock.", time(ms))),
                None => plain("What is kept of it does not say when."),
            };
            return Step::new(None, "Made", more, "");
        }
        Trace::Missing(_) => None,
    };
    match times {
        Some((Some(ts_ms), time_ms)) if ts_ms == time_ms => Step::new(
            Some(time_ms),
            "Made",
            plain("By the client's clock, which needs no correction."),
            "",
        ),
        Some((Some(ts_ms), time_ms)) => {
            let apart = duration(time_ms.abs_diff(ts_ms));
            let side = if time_ms > ts_ms { "behind" } else { "ahead" };
            let more = format!(
                "Corrected. By the client's clock it was {}: that clock is {apart} {side}.",
                time(ts_ms)
            );
            Step::new(Some(time_ms), "Made", Markup(more), "")
        }
        _ => Step::new(None, "Made", plain("The client did not say when."), ""),
    }
}

fn step(entry: &Entry) -> Step {
    let text = |text: &Option<String>| {
        text.as_ref().map(|text| foreign(text.trim_end_matches([':', ' ']), 500))
    };
    let mut more: Vec<String> = Vec::new();
    if let Some(reason) = text(&entry.reason) {
        more.push(format!("<code>{reason}</code>"));
    }
    more.extend(text(&entry.detail).map(|it| it.0));
    if let Some(due_ms) = entry.due {
        more.push(format!("next attempt at {}", time(due_ms)));
    }
    let sink = entry.sink.as_deref().unwrap_or_default();
    let attempt = entry.attempt.map(|number| format!(", attempt {number}")).unwrap_or_default();
    let (what, class) = match (entry.stage, entry.state) {
        ("intake", _) => ("Received, and stored as a raw payload".to_owned(), ""),
        ("process", "processed") => (format!("Processed{attempt}"), ""),
        ("process", "queued") => ("Waiting to be processed".to_owned(), "info"),
        ("process", "retry") => (format!("Processing failed{attempt}"), "bad"),
        ("process", "set_aside") => (format!("Set aside{attempt}"), "bad"),
        ("process", "discarded") => ("Payload discarded".to_owned(), "warn"),
        ("process", "duplicate") => ("Recognized as a duplicate".to_owned(), "warn"),
        ("process", "invalid") => ("Found invalid".to_owned(), "bad"),
        ("events", _) => ("Stored as a row".to_owned(), "good"),
        (_, state) => {
            let class = match DeliveryState::from_name(state) {
                Some(DeliveryState::Sent) => "good",
                Some(DeliveryState::Dead | DeliveryState::Retry) => "bad",
                Some(DeliveryState::Dropped | DeliveryState::Discarded) => "warn",
                Some(DeliveryState::Queued) | None => "info",
            };
            let state = if state == "retry" { "failed" } else { state };
            (format!("Sink {sink}: {state}{attempt}"), class)
        }
    };
    Step::new(entry.at, what, Markup(more.join(" ")), class)
}
