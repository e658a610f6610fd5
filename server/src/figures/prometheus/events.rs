//! Metrics of all events ever, from the database: what was made, what arrived, and what is missing.

use std::fmt;

use super::family::{Families, Table, count};
use crate::figures::Figures;
use crate::store::Totals;

const TOTALS: &Table<Totals> = &[
    ("lamplight_events_made", "Events that clients made, as far as is known.", |it| it.made),
    (
        "lamplight_events_received",
        "Events that arrived: stored, duplicate and invalid ones.",
        |it| it.received,
    ),
    ("lamplight_events_stored", "Events that were stored.", |it| it.stored),
    ("lamplight_events_removed", "Stored events that retention has deleted.", |it| it.removed),
    ("lamplight_events_duplicate", "Arrivals of events that had arrived before.", |it| {
        it.duplicates
    }),
    ("lamplight_events_invalid", "Events that cannot be stored.", |it| it.invalid),
    ("lamplight_events_in_flight", "Events that were made, did not arrive, and still may.", |it| {
        it.in_flight
    }),
    ("lamplight_events_declared", "Events that clients dropped and declared.", |it| it.declared),
    (
        "lamplight_events_lost",
        "Events that were made, never arrived, and were never declared.",
        |it| it.lost,
    ),
];

pub(super) fn write(figures: &Figures, to: &mut Families<'_>) -> fmt::Result {
    to.gauges(count, TOTALS, figures.totals.as_ref())?;
    let sources = || figures.sources.iter().flatten();
    to.gauge(
        &count("lamplight_source_producers", "Producers of numbered events, by source."),
        sources().map(|it| ([("source", it.source.as_str())], it.producers)),
    )?;
    to.gauge(
        &count(
            "lamplight_source_events",
            "Numbered events that were made, by source and by what is known of them. The missing \
             ones are in flight or lost.",
        ),
        sources().flat_map(|it| {
            [("received", it.received), ("declared", it.declared), ("missing", it.missing)]
                .map(|(state, events)| ([("source", it.source.as_str()), ("state", state)], events))
        }),
    )
}
