//! One sink, as the page shows it.

use std::fmt::Write;

use crate::api::SinkQueueJson;
use crate::web::console::link;
use crate::web::console::shown::{self, Markup};

/// The most characters of a service's answer that are shown.
const ANSWER_CHARS_MAX: usize = 200;

/// One sink.
pub(super) struct SinkPart {
    pub(super) sink: SinkQueueJson,
    /// Its state in words.
    pub(super) state: Markup,
    pub(super) is_configured: bool,
    /// Whether deliveries can be continued, and otherwise be paused.
    pub(super) is_held: bool,
    pub(super) flow: String,
    pub(super) oldest: String,
    pub(super) batch: String,
    pub(super) last_sent: Markup,
    pub(super) last_failure: Option<Markup>,
    pub(super) answers: Option<String>,
    pub(super) last_answer: Option<Markup>,
    pub(super) check: Option<(&'static str, &'static str, Markup)>,
    pub(super) dead_letters: String,
    pub(super) backfill: String,
}

impl SinkPart {
    pub(super) fn new(sink: SinkQueueJson, now_ms: i64, started_ms: i64) -> Self {
        let told = |at: i64, text: &str| {
            Markup(format!(
                "{}: {}",
                shown::ago(at, now_ms),
                shown::foreign(text, ANSWER_CHARS_MAX)
            ))
        };
        let answers = sink.answers.as_ref().map(|it| {
            let mut text = format!(
                "{} 2xx, {} 4xx, {} 5xx",
                shown::count(it.success),
                shown::count(it.refused),
                shown::count(it.failed)
            );
            for (number, name) in [(it.redirect, "3xx"), (it.none, "without an answer")] {
                if number > 0 {
                    let _ = write!(text, ", {} {name}", shown::count(number));
                }
            }
            text
        });
        let last = sink.answers.as_ref().and_then(|it| it.last.as_ref());
        let of = |path: &str| link::to(path, [("sink", Some(&*sink.name))]);
        Self {
            state: state(&sink, now_ms),
            is_configured: sink.state != "gone",
            is_held: matches!(sink.state, "paused" | "stopped"),
            flow: flow(sink.queued_per_s, sink.events_per_s),
            oldest: oldest(sink.oldest_ms, sink.depth),
            batch: batch(sink.batch_ms.p50, sink.batch_ms.p95),
            last_sent: sink.last_sent.map_or_else(
                || {
                    Markup(format!(
                        "none since the server started, {}",
                        shown::ago(started_ms, now_ms)
                    ))
                },
                |at| shown::ago(at, now_ms),
            ),
            last_failure: sink.last_failure.as_ref().map(|it| told(it.at, &it.why)),
            last_answer: last.and_then(|it| {
                let status = it.status?;
                Some(told(it.at, &format!("{status} {}", it.text)))
            }),
            check: sink.check.as_ref().map(|it| {
                let (class, name) = match it.result {
                    "works" => ("good", "Works"),
                    "unconfirmed" => ("info", "Not confirmed"),
                    _ => ("bad", "Fails"),
                };
                (class, name, told(it.at, &it.detail))
            }),
            dead_letters: of("/errors"),
            backfill: of("/queues/backfill"),
            answers,
            sink,
        }
    }
}

/// A sink's state in words.
fn state(sink: &SinkQueueJson, now_ms: i64) -> Markup {
    let why = sink.reason.as_deref().unwrap_or_default();
    let why = shown::foreign(why, ANSWER_CHARS_MAX);
    let at = |ms: i64| shown::time(ms);
    let (class, name, words) = match sink.state {
        "running" if sink.failing > 0 => {
            ("warn", "Running", "Some events failed and are retried.".to_owned())
        }
        "running" => ("good", "Running", String::new()),
        "resting" => {
            let until = sink.at.map_or_else(String::new, |ms| {
                let left = u64::try_from(ms.saturating_sub(now_ms)).unwrap_or(0);
                format!(" in {}, at {}", shown::duration(left), at(ms))
            });
            (
                "warn",
                "Waiting to retry",
                format!("The last request failed. The next is sent{until}. {why}"),
            )
        }
        "stopped" => (
            "bad",
            "Stopped",
            format!(
                "It refuses everything until its configuration changes. Correct it, then resume. {why}"
            ),
        ),
        "paused" => {
            let since = sink.at.map_or_else(String::new, |ms| format!(" since {}", at(ms)));
            ("info", "Paused", format!("Paused by an operator{since}. Events stay queued."))
        }
        _ => ("info", "Not configured", "No longer in the configuration.".to_owned()),
    };
    Markup(format!("<span class=\"state {class}\">{name}</span> {words}"))
}

/// Rates in and out.
pub(super) fn flow(queued: Option<f64>, taken: f64) -> String {
    let queued = queued.map_or_else(|| "–".to_owned(), |rate| format!("{rate:.1}"));
    format!("{queued} in, {taken:.1} out")
}

pub(super) fn oldest(oldest_ms: u64, depth: u64) -> String {
    if depth == 0 { "–".to_owned() } else { shown::duration(oldest_ms) }
}

pub(super) fn batch(p50_ms: u32, p95_ms: u32) -> String {
    format!("{} / {}", shown::duration(p50_ms), shown::duration(p95_ms))
}
