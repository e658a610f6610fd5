//! Metrics of the sinks.

use std::fmt;

use super::family::{Families, Label, age_s, count, seconds};
use crate::figures::{Figures, SinkFigures};

/// The conditions of a sink, as the API names them.
const STATES: [&str; 5] = ["running", "resting", "stopped", "paused", "gone"];

fn sink(figures: &SinkFigures) -> Label<'_> {
    ("sink", figures.row.name.as_str())
}

pub(super) fn write(figures: &Figures, to: &mut Families<'_>) -> fmt::Result {
    let sinks = || figures.sinks.iter().flatten();
    to.info(
        &count("lamplight_sink", "The sinks, with their kinds."),
        sinks().map(|it| [sink(it), ("kind", it.row.kind.as_str())]),
    )?;
    to.gauge(
        &count(
            "lamplight_sink_state",
            "1 for the state that a sink is in, and 0 for all others. A sink whose circuit is open \
             is resting.",
        ),
        sinks().flat_map(|it| {
            STATES.map(|state| ([sink(it), ("state", state)], u32::from(it.state == state)))
        }),
    )?;
    to.gauge(
        &count(
            "lamplight_sink_deliveries",
            "Deliveries to a sink by their state. The dead ones are dead letters.",
        ),
        sinks().flat_map(|it| {
            let row = &it.row;
            [
                ("waiting", row.waiting),
                ("sent", row.sent),
                ("dead", row.dead),
                ("dropped", row.dropped),
                ("discarded", row.discarded),
            ]
            .map(|(state, events)| ([sink(it), ("state", state)], events))
        }),
    )?;
    to.gauge(
        &count(
            "lamplight_sink_failing_deliveries",
            "Waiting deliveries that failed at least once. In a very long queue, only a part is \
             counted.",
        ),
        sinks().map(|it| ([sink(it)], it.row.failing)),
    )?;
    to.gauge(
        &seconds("lamplight_sink_oldest", "How long the oldest waiting delivery has waited, or 0."),
        sinks().map(|it| ([sink(it)], age_s(figures.age_ms(it.row.oldest_ms)))),
    )?;
    to.counter(
        &count("lamplight_sink_attempts", "Attempts to deliver an event, by how they ended."),
        sinks().flat_map(|it| {
            let attempts = it.attempts;
            [
                ("sent", attempts.sent),
                ("retried", attempts.retried),
                ("dead", attempts.dead),
                ("dropped", attempts.dropped),
            ]
            .map(|(outcome, events)| ([sink(it), ("outcome", outcome)], events))
        }),
    )?;
    to.histogram(
        &seconds("lamplight_sink_batch", "How long an attempt to send a batch takes."),
        sinks().map(|it| ([sink(it)], it.batches.durations)),
    )
}
