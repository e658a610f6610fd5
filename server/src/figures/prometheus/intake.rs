//! Metrics of intake and of HTTP.

use std::fmt;

use super::family::{Families, age_s, bytes, count, one, seconds, some};
use crate::figures::Figures;

pub(super) fn write(figures: &Figures, to: &mut Families<'_>) -> fmt::Result {
    let intake = &figures.intake;
    to.counter(
        &count("lamplight_intake_payloads", "Payloads that were accepted, which are on disk."),
        one(intake.accepted.durations.count()),
    )?;
    to.counter(
        &count("lamplight_intake_events", "Events in the payloads that were accepted."),
        one(intake.accepted.events),
    )?;
    to.counter(
        &bytes("lamplight_intake_body", "Bodies that were accepted, as they arrived."),
        one(intake.bytes.body),
    )?;
    to.counter(
        &bytes("lamplight_intake_decompressed", "Bodies that were accepted, after decompression."),
        one(intake.bytes.decompressed),
    )?;
    to.histogram(
        &seconds(
            "lamplight_intake_answer",
            "Time from a body's last byte until its payload is on disk and can be answered.",
        ),
        one(intake.accepted.durations),
    )?;
    to.gauge(
        &count(
            "lamplight_intake_waiting_requests",
            "Requests whose payload is being written to disk.",
        ),
        one(intake.waiting.requests),
    )?;
    to.gauge(
        &count("lamplight_intake_waiting_events", "Events of the requests that are waiting."),
        one(intake.waiting.events),
    )?;
    to.gauge(
        &seconds(
            "lamplight_intake_oldest",
            "How long the oldest waiting request has waited, or 0.",
        ),
        one(age_s(figures.age_ms(intake.waiting.oldest_ms))),
    )?;
    stream(figures, to)?;
    to.counter(
        &count(
            "lamplight_intake_refused_requests",
            "Requests to intake that were refused, by the code of the answer. Pages keep their events.",
        ),
        figures.refusals.iter().map(|(code, requests)| ([("code", *code)], *requests)),
    )?;
    let answers: Vec<(String, &str, u64)> = figures
        .answers
        .iter()
        .map(|it| (it.status.to_string(), it.class.name(), it.count))
        .collect();
    to.counter(
        &count(
            "lamplight_http_answers",
            "Answers by what was asked for and by HTTP status. What closes a connection before a \
             request is complete is not counted.",
        ),
        answers.iter().map(|(status, class, answers)| {
            ([("class", *class), ("status", status.as_str())], *answers)
        }),
    )
}

/// What a stream in front of the database holds, if there is one.
fn stream(figures: &Figures, to: &mut Families<'_>) -> fmt::Result {
    let stream = figures.intake.stream.as_ref();
    to.gauge(
        &count(
            "lamplight_intake_stream_groups",
            "Groups of payloads in the intake stream that are not in the database yet.",
        ),
        some(stream.map(|it| it.groups)),
    )?;
    to.gauge(
        &bytes("lamplight_intake_stream", "What the intake stream holds."),
        some(stream.map(|it| it.bytes)),
    )?;
    to.gauge(
        &bytes(
            "lamplight_intake_stream_limit",
            "What the intake stream may hold. It refuses further payloads.",
        ),
        some(stream.map(|it| it.bytes_max)),
    )?;
    to.gauge(
        &seconds(
            "lamplight_intake_stream_oldest",
            "How long the oldest group has been in the intake stream, or 0.",
        ),
        some(stream.map(|it| age_s(figures.age_ms(it.oldest_ms)))),
    )?;
    to.counter(
        &count(
            "lamplight_intake_stream_redelivered_groups",
            "Groups that the intake stream delivered to this server again.",
        ),
        some(stream.map(|it| it.redelivered)),
    )?;
    to.counter(
        &count(
            "lamplight_intake_stream_unreadable_messages",
            "Times that this server found a message in the intake stream that it cannot read. It stays there.",
        ),
        some(stream.map(|it| it.unreadable)),
    )
}
