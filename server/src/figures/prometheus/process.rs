//! Metrics of processing.

use std::fmt;

use super::family::{Families, Table, age_s, count, one, seconds, some};
use crate::figures::Figures;
use crate::store::Backlog;

const BACKLOG: &Table<Backlog> = &[
    ("lamplight_process_waiting_payloads", "Payloads on disk that are not processed yet.", |it| {
        it.payloads
    }),
    (
        "lamplight_process_waiting_events",
        "Events in the payloads that are not processed yet.",
        |it| it.events,
    ),
    (
        "lamplight_process_failing_payloads",
        "Waiting payloads whose processing failed at least once.",
        |it| it.failing,
    ),
    (
        "lamplight_process_set_aside_payloads",
        "Payloads whose processing failed too often. They wait for an operator.",
        |it| it.set_aside.payloads,
    ),
    ("lamplight_process_set_aside_events", "Events in the payloads that were set aside.", |it| {
        it.set_aside.events
    }),
];

pub(super) fn write(figures: &Figures, to: &mut Families<'_>) -> fmt::Result {
    let (backlog, processed) = (figures.process.backlog.as_ref(), figures.process.processed);
    to.gauges(count, BACKLOG, backlog)?;
    to.gauge(
        &seconds(
            "lamplight_process_oldest",
            "How long the oldest waiting payload has waited, or 0.",
        ),
        some(backlog.map(|it| age_s(figures.age_ms(it.oldest_ms)))),
    )?;
    to.counter(
        &count("lamplight_process_payloads", "Payloads that were processed."),
        one(processed.payloads),
    )?;
    to.counter(
        &count("lamplight_process_events", "Events that were processed, by how they ended."),
        [
            ([("outcome", "stored")], processed.stored),
            ([("outcome", "duplicate")], processed.duplicates),
            ([("outcome", "invalid")], processed.invalid),
        ],
    )?;
    to.counter(
        &count(
            "lamplight_process_failures",
            "Attempts to process a payload that failed, by what happened to the payload.",
        ),
        [
            ([("outcome", "retried")], processed.retried),
            ([("outcome", "set_aside")], processed.set_aside),
        ],
    )?;
    to.histogram(
        &seconds("lamplight_process_batch", "How long a batch of payloads takes."),
        one(figures.process.batches.durations),
    )
}
