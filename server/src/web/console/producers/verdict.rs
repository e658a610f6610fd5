//! How complete a producer's events are, in words.

use lamplight_wire::reason::DropReason;

use crate::api::RestoredGap;
use crate::store::{Completeness, IN_FLIGHT_MS, ProducerRow};
use crate::web::console::shown::{Markup, count, counted, name, time};

/// How many days a page may be silent until what is missing of it counts as lost.
pub(super) const SILENT_DAYS: i64 = IN_FLIGHT_MS / (24 * 60 * 60 * 1000);

/// A verdict: its style, its name, and the reason.
#[derive(Debug)]
pub(super) struct VerdictWords {
    pub(super) class: &'static str,
    pub(super) name: &'static str,
    pub(super) reason: Markup,
}

impl VerdictWords {
    pub(super) fn of(row: &ProducerRow, restored: &[RestoredGap]) -> Self {
        let (class, name) = words(row.verdict);
        let mut sentences = sentences(row);
        sentences.extend(restored.iter().map(|gap| {
            let (first, last) = gap.numbers;
            let numbers = if first == last {
                format!("{} is", count(first))
            } else {
                format!("{}–{} are", count(first), count(last))
            };
            format!("{numbers} missing where a backup ends: {}", restore_words(gap))
        }));
        Self { class, name, reason: Markup(sentences.join(" ")) }
    }
}

/// How a restore explains a gap.
pub(super) fn restore_words(gap: &RestoredGap) -> Markup {
    Markup(format!(
        "this server was restored on {} from a backup of {}. What it had stored in between is \
         missing, and was not lost by the browser.",
        time(gap.restore.restored_ms),
        time(gap.restore.backup_ms)
    ))
}

/// The style and the name of a verdict.
pub(super) fn words(verdict: Completeness) -> (&'static str, &'static str) {
    match verdict {
        Completeness::Complete => ("good", "Complete"),
        Completeness::InFlight => ("info", "In flight"),
        Completeness::Declared => ("warn", "Declared"),
        Completeness::Lost => ("bad", "Lost"),
    }
}

fn sentences(row: &ProducerRow) -> Vec<String> {
    let mut said = Vec::new();
    let missing = count(row.missing);
    match row.verdict {
        Completeness::Complete => said.push(format!("All {} arrived.", count(row.received))),
        Completeness::Declared => {}
        Completeness::InFlight => said.push(format!(
            "{missing} not arrived yet: they may wait in a browser that is offline, frozen or closed, \
             and count as lost after {SILENT_DAYS} days of silence."
        )),
        Completeness::Lost => said.push(format!(
            "{missing} lost: they never arrived, the page declared no reason, and it has been silent \
             for more than {SILENT_DAYS} days."
        )),
    }
    let declared = row.ledger.declared();
    if !declared.is_empty() {
        let causes: Vec<String> = declared
            .iter()
            .map(|(reason, ranges)| format!("{} because {}", count(ranges.count()), cause(reason)))
            .collect();
        said.push(format!("Dropped by the page, which declared it: {}.", causes.join(", ")));
    }
    if row.refused > 0 {
        said.push(format!(
            "Its ledger had no room for {}, which count as missing.",
            counted(row.refused, "declared number", "declared numbers")
        ));
    }
    if let Some(claimed) = row.claimed {
        said.push(format!(
            "It claims numbers up to {}, too far ahead of what arrived: above {} only numbers that \
             arrived count.",
            count(claimed),
            count(row.ledger.believed())
        ));
    }
    if row.ledger.forgotten > 0 {
        said.push(format!(
            "Its source was forgotten: up to {}, only numbers that arrived count.",
            count(row.ledger.forgotten)
        ));
    }
    said
}

/// Why a page dropped events. A reason that is not one of ours is text from a client.
pub(super) fn cause(reason: &str) -> String {
    let known = match DropReason::from_code(reason) {
        Some(DropReason::Quota) => "the browser's storage and memory were full",
        Some(DropReason::Rejected) => "the server answered that it can never store them",
        Some(DropReason::TooLarge) => "they were larger than the limits allow",
        Some(DropReason::OptedOut) => "the user withdrew consent",
        None => return format!("of <code>{}</code>", name(reason)),
    };
    format!("{known} (<code>{reason}</code>)")
}
