//! The timeline of an event.

use schemars::JsonSchema;
use serde::Serialize;

use super::waiting::WaitingEvent;
use crate::store::{DeliveryStep, PayloadState, RefusedEvent, Repeat, StoredEvent};

/// One step in the timeline of an event.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TimelineEntry")]
pub(crate) struct Entry {
    /// When it happened, in milliseconds since 1970, if that is known.
    pub(crate) at: Option<i64>,
    #[schemars(extend("enum" = ["client", "intake", "process", "events", "deliver"]))]
    pub(crate) stage: &'static str,
    pub(crate) state: &'static str,
    /// The sink of a delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sink: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    /// When the next attempt is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) due: Option<i64>,
}

impl Entry {
    pub(super) fn new(at: Option<i64>, stage: &'static str, reached: &'static str) -> Self {
        Self {
            at,
            stage,
            state: reached,
            sink: None,
            attempt: None,
            reason: None,
            detail: None,
            due: None,
        }
    }

    pub(super) fn reason(self, reason: Option<String>, detail: Option<String>) -> Self {
        Self { reason, detail, ..self }
    }

    fn attempt(self, attempt: u32) -> Self {
        Self { attempt: Some(attempt), ..self }
    }
}

pub(crate) fn stored(
    event: &StoredEvent,
    repeats: &[Repeat],
    steps: &[DeliveryStep],
) -> Vec<Entry> {
    let row = &event.row;
    // The corrected time, so that all entries use one clock.
    let mut timeline = vec![
        Entry::new(row.ts_ms.map(|_| row.time_ms), "client", "made"),
        Entry::new(Some(row.received_ms), "intake", "received"),
        Entry::new(Some(event.applied_ms), "process", "processed").attempt(event.attempt),
        Entry::new(Some(event.applied_ms), "events", "stored"),
    ];
    timeline.extend(steps.iter().map(delivery));
    timeline.extend(repeats.iter().map(repeat));
    timeline
}

pub(crate) fn refused(event: &RefusedEvent, repeats: &[Repeat]) -> Vec<Entry> {
    let ended = Entry::new(Some(event.applied_ms), "process", event.outcome.name())
        .reason(event.reason.clone(), event.detail.clone());
    let mut timeline = vec![
        Entry::new(None, "client", "made"),
        Entry::new(Some(event.received_ms), "intake", "received"),
        ended,
    ];
    timeline.extend(repeats.iter().map(repeat));
    timeline
}

pub(crate) fn waiting(event: &WaitingEvent) -> Vec<Entry> {
    let made = event.planned.columns().filter(|columns| columns.ts_ms.is_some());
    let mut timeline = vec![
        Entry::new(made.map(|columns| columns.time_ms), "client", "made"),
        Entry::new(Some(event.metadata.received_ms), "intake", "received"),
    ];
    match &event.state {
        PayloadState::Waiting { attempts, due_ms, error, .. } => {
            let entry =
                Entry::new(None, "process", if error.is_some() { "retry" } else { "queued" });
            let attempt = (*attempts > 0).then_some(*attempts);
            timeline.push(Entry { attempt, due: *due_ms, detail: error.clone(), ..entry });
        }
        PayloadState::SetAside { attempts, error, set_aside_ms, discarded_ms } => {
            let entry = Entry::new(Some(*set_aside_ms), "process", "set_aside");
            let detail = Some(error.clone());
            timeline.push(Entry { attempt: Some(*attempts), detail, ..entry });
            timeline.extend(discarded_ms.map(|ms| Entry::new(Some(ms), "process", "discarded")));
        }
        PayloadState::Settled => {}
    }
    timeline
}

fn delivery(step: &DeliveryStep) -> Entry {
    Entry {
        sink: Some(step.sink.clone()),
        attempt: (step.attempt > 0).then_some(step.attempt),
        due: step.due_ms,
        ..Entry::new(Some(step.at_ms), "deliver", step.state.name())
            .reason(step.reason.clone(), step.detail.clone())
    }
}

fn repeat(repeat: &Repeat) -> Entry {
    let detail = format!(
        "arrived again at {} in payload {}. Only the first arrival is stored",
        repeat.received_ms, repeat.payload
    );
    Entry::new(Some(repeat.applied_ms), "process", "duplicate").reason(None, Some(detail))
}
