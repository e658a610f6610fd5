//! Where an event is at the moment, in plain words.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::api::Trace;
use crate::api::sink_condition;
use crate::store::{Completeness, DeliveryState, DeliveryStep, Outcome, PayloadState, SinkRow};
use crate::web::console::shown::{self, Markup, ago, foreign, time};

/// The most characters of an error that are shown.
const ERROR_CHARS_MAX: usize = 500;

/// Where an event is.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// The class and the text of its state.
    pub(super) state: (&'static str, &'static str),
    /// What that means.
    pub(super) sentence: Markup,
    /// The errors that occurred, the last first.
    pub(super) errors: Vec<Markup>,
    pub(super) sinks: Vec<SinkStanding>,
    /// Whether its payload can be retried.
    pub(super) is_set_aside: bool,
    /// Whether its payload was discarded.
    pub(super) is_discarded: bool,
    /// Whether this is a later arrival of an event.
    pub(super) is_duplicate: bool,
}

/// What one sink has of it.
#[derive(Debug)]
pub(super) struct SinkStanding {
    pub(super) name: String,
    pub(super) state: (&'static str, &'static str),
    pub(super) sentence: Markup,
    pub(super) is_dead: bool,
    pub(super) is_discarded: bool,
}

fn plain(text: &str) -> Markup {
    Markup(shown::escape(text))
}

/// An error without what follows its last word.
fn error(text: &str) -> Markup {
    foreign(text.trim_end_matches([':', ' ', '.']), ERROR_CHARS_MAX)
}

impl Standing {
    pub(super) fn new(trace: &Trace, sinks: &[SinkRow], now_ms: i64) -> Self {
        match trace {
            Trace::Stored { steps, .. } => Self::stored(steps, sinks, now_ms),
            Trace::Refused { event, .. } => {
                let is_duplicate = event.outcome == Outcome::Duplicate;
                let state = if is_duplicate { ("warn", "duplicate") } else { ("bad", "invalid") };
                let sentence = if is_duplicate {
                    plain(
                        "This arrival is a duplicate: the event had arrived before, and only the \
                         first arrival is stored. Nothing waits.",
                    )
                } else {
                    plain(
                        "Not stored, because it is invalid. Its payload is kept, and can be replayed.",
                    )
                };
                let code = event.reason.as_deref().unwrap_or_default();
                let detail = event.detail.as_deref().unwrap_or_default();
                let text = [code, detail].join(": ");
                let errors = if is_duplicate { Vec::new() } else { vec![error(&text)] };
                Self { state, sentence, errors, is_duplicate, ..Self::default() }
            }
            Trace::Waiting(event) => Self::unprocessed(&event.state, now_ms),
            Trace::Missing(event) => {
                let heard = ago(event.last_heard_ms, now_ms);
                let (state, sentence) = match event.verdict {
                    Completeness::Declared => (
                        ("warn", "dropped by the page"),
                        format!(
                            "The page dropped this event before it was sent, and said so: {}.",
                            foreign(event.reason.as_deref().unwrap_or("no reason"), 80)
                        ),
                    ),
                    Completeness::Lost => (
                        ("bad", "lost"),
                        format!(
                            "It was made, and never arrived. Its page was last heard from {heard}, \
                             longer ago than a browser may take to come back."
                        ),
                    ),
                    Completeness::InFlight | Completeness::Complete => (
                        ("info", "in the page's browser"),
                        format!(
                            "It was made, and has not arrived: it waits in the page's browser, as far \
                             as the server knows. The page was last heard from {heard}, and may still \
                             send it."
                        ),
                    ),
                };
                Self { state, sentence: Markup(sentence), ..Self::default() }
            }
        }
    }

    fn unprocessed(state: &PayloadState, now_ms: i64) -> Self {
        match state {
            PayloadState::Waiting { attempts, due_ms, is_leased, error: last } => {
                let doing = match (is_leased, due_ms, last) {
                    (true, ..) => {
                        format!("Attempt {attempts} to process its payload runs at the moment.")
                    }
                    (_, Some(due_ms), Some(_)) => format!(
                        "Attempt {attempts} to process its payload failed. The next is due at {}.",
                        time(*due_ms)
                    ),
                    _ if *attempts > 0 => format!("Its payload was tried {attempts} times."),
                    _ => "No attempt to process its payload was made so far.".to_owned(),
                };
                let text = format!("Received, safe on disk, and waiting to be processed. {doing}");
                Self {
                    state: ("info", "waiting to be processed"),
                    sentence: Markup(text),
                    errors: last.iter().map(|text| error(text)).collect(),
                    ..Self::default()
                }
            }
            PayloadState::SetAside { attempts, error: last, set_aside_ms, discarded_ms } => {
                let errors = vec![error(last)];
                if let Some(discarded_ms) = discarded_ms {
                    let text = format!(
                        "Someone discarded its payload {}. It is not processed, and can be restored \
                         until retention deletes it.",
                        ago(*discarded_ms, now_ms)
                    );
                    let state = ("warn", "discarded");
                    let sentence = Markup(text);
                    return Self { state, sentence, errors, is_discarded: true, ..Self::default() };
                }
                let text = format!(
                    "Set aside {}, because processing its payload failed {attempts} times. It is kept \
                     until someone retries it.",
                    ago(*set_aside_ms, now_ms)
                );
                let (state, sentence) = (("bad", "set aside"), Markup(text));
                Self { state, sentence, errors, is_set_aside: true, ..Self::default() }
            }
            PayloadState::Settled => Self::default(),
        }
    }

    fn stored(steps: &[DeliveryStep], sinks: &[SinkRow], now_ms: i64) -> Self {
        let mut by_sink: BTreeMap<&str, Vec<&DeliveryStep>> = BTreeMap::new();
        for step in steps {
            by_sink.entry(&step.sink).or_default().push(step);
        }
        let sinks: Vec<SinkStanding> = by_sink
            .into_iter()
            .filter_map(|(name, steps)| {
                let row = sinks.iter().find(|row| row.name == name);
                steps.last().map(|last| SinkStanding::new(name, last, row, now_ms))
            })
            .collect();
        let names = |is: &str| {
            let names = sinks.iter().filter(|it| it.state.1 == is);
            names.map(|it| foreign(&it.name, 80).0).collect::<Vec<_>>().join(", ")
        };
        let (dead, waiting, sent) = (names("dead"), names("waiting"), names("delivered"));
        let (state, sentence) = if !waiting.is_empty() {
            (("info", "waiting for a sink"), format!("Stored, and waiting for {waiting}."))
        } else if !dead.is_empty() {
            (
                ("bad", "dead"),
                format!("Stored. Delivering it to {dead} was given up: it is a dead letter there."),
            )
        } else if !sent.is_empty() {
            (("good", "delivered"), format!("Stored, and delivered to {sent}."))
        } else if sinks.is_empty() {
            (("good", "stored"), "Stored. No sink takes it, so nothing waits.".to_owned())
        } else {
            (("good", "stored"), "Stored. No sink is owed it any more.".to_owned())
        };
        let failed = steps.iter().rev().filter_map(|step| {
            use DeliveryState::{Dead, Dropped, Retry};
            let (Retry | Dead | Dropped) = step.state else { return None };
            let code = step.reason.as_deref().unwrap_or_default();
            let detail = step.detail.as_deref().unwrap_or_default();
            let text = error(&[code, detail].join(": "));
            Some(Markup(format!("{} at {}: {text}", foreign(&step.sink, 80), time(step.at_ms))))
        });
        Self {
            state,
            sentence: Markup(sentence),
            errors: failed.take(10).collect(),
            sinks,
            ..Self::default()
        }
    }
}

impl SinkStanding {
    fn new(name: &str, last: &DeliveryStep, row: Option<&SinkRow>, now_ms: i64) -> Self {
        let why = || {
            let code = last.reason.as_deref().unwrap_or_default();
            error(&[code, last.detail.as_deref().unwrap_or_default()].join(": "))
        };
        let at = time(last.at_ms);
        let (state, sentence) = match last.state {
            DeliveryState::Queued | DeliveryState::Retry => {
                let mut text = match (last.attempt, last.due_ms) {
                    (0, None) => format!("Queued at {at}, not tried yet."),
                    (0, Some(due_ms)) => format!("Queued again at {at}, due at {}.", time(due_ms)),
                    (attempt, Some(due_ms)) => format!(
                        "Attempt {attempt} failed at {at}: {}. The next is due at {}.",
                        why(),
                        time(due_ms)
                    ),
                    (attempt, None) => format!("Attempt {attempt} failed at {at}: {}.", why()),
                };
                if let Some(row) = row {
                    let (condition, reason, _) = sink_condition(row, now_ms);
                    if condition != "running" {
                        let reason = reason.map(|it| format!(": {}", error(it)));
                        let _ =
                            write!(text, " The sink is {condition}{}.", reason.unwrap_or_default());
                    }
                }
                (("info", "waiting"), text)
            }
            DeliveryState::Sent => {
                let text = format!("The sink confirmed attempt {} at {at}.", last.attempt);
                (("good", "delivered"), text)
            }
            DeliveryState::Dead => (("bad", "dead"), format!("Given up at {at}: {}.", why())),
            DeliveryState::Dropped => {
                (("warn", "dropped"), format!("Not sent, and never retried, at {at}: {}.", why()))
            }
            DeliveryState::Discarded => (
                ("warn", "discarded"),
                format!("Someone discarded it at {at}. It can be restored."),
            ),
        };
        let is_dead = last.state == DeliveryState::Dead;
        let is_discarded = last.state == DeliveryState::Discarded;
        Self { name: name.to_owned(), state, sentence: Markup(sentence), is_dead, is_discarded }
    }
}
