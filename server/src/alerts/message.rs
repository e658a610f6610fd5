//! What a notice says, for people. Pure.

use super::reading::Reading;
use super::rule::Rule;
use crate::counted::grouped;
use crate::store::NoticeState;

/// What happened to the thing of `reading`.
pub(super) fn text(rule: &Rule, state: NoticeState, reading: &Reading) -> String {
    let what = match state {
        NoticeState::Firing => firing(rule, reading),
        NoticeState::Recovered => recovered(rule, reading),
    };
    format!("{}: {what}", heading(state))
}

/// What is said when a rule is no longer about the thing of its alert.
pub(super) fn no_longer_watched(thing: &str) -> String {
    let heading = heading(NoticeState::Recovered);
    format!("{heading}: the configuration changed, so this rule no longer watches {thing}")
}

const fn heading(state: NoticeState) -> &'static str {
    match state {
        NoticeState::Firing => "Lamplight alert",
        NoticeState::Recovered => "Lamplight recovered",
    }
}

/// What a notice says below a heading of its own.
pub fn without_heading(text: &str) -> &str {
    let headings = [NoticeState::Firing, NoticeState::Recovered].map(heading);
    let rest = headings.iter().find_map(|heading| text.strip_prefix(heading)?.strip_prefix(": "));
    rest.unwrap_or(text)
}

fn firing(rule: &Rule, reading: &Reading) -> String {
    let (thing, value) = (&reading.key.thing, reading.value.unwrap_or(0));
    let limit = rule.limits.exceeded.number();
    match rule.kind {
        "queue_age" => format!(
            "{thing} is behind, the oldest has waited for {} (limit {}). GET /api/queues shows why",
            duration(value),
            duration(limit)
        ),
        "sink_failing" => {
            let why = reading.why.as_deref().unwrap_or("it gave no reason");
            format!("{thing} has taken no events for {}: {why}", duration(rule.limits.for_ms))
        }
        "lost" => format!(
            "{} and which will not arrive. GET /api/producers?verdict=lost lists the pages",
            count(value, "event was lost, which a page made", "events were lost, which pages made")
        ),
        "dead_letters" => format!(
            "{} to {thing} {} given up. Fix the cause, then retry with POST /api/deliveries/retry",
            count(value, "delivery", "deliveries"),
            if value == 1 { "was" } else { "were" }
        ),
        "set_aside" => format!(
            "{} for you. GET /api/payloads/set-aside lists what waits",
            count(
                value,
                "payload failed too often and waits",
                "payloads failed too often and wait"
            )
        ),
        "refused" => format!(
            "{} refused (limit {}). GET /api/totals shows why, and which keys sent them",
            count(value, "request a minute is", "requests a minute are"),
            grouped(limit.unsigned_abs())
        ),
        "disk_full" => format!(
            "the disk will be full in {}. Free some space, or keep less with keep_days or \
             keep_bytes",
            hours(value)
        ),
        "disk_floor" => "the disk has less free space than disk_floor_mib, so events are refused. \
                         Free some space"
            .to_owned(),
        _ => format!(
            "no event {thing} has arrived for {} (limit {})",
            duration(value),
            duration(limit)
        ),
    }
}

fn recovered(rule: &Rule, reading: &Reading) -> String {
    let (thing, value) = (&reading.key.thing, reading.value.unwrap_or(0));
    let kept = duration(rule.limits.keep_ms);
    match rule.kind {
        "queue_age" => {
            format!("{thing} has caught up, the oldest has waited for {}", duration(value))
        }
        "sink_failing" => format!("{thing} takes events again"),
        "lost" => format!("no event was lost for {kept}"),
        "dead_letters" => format!("no delivery to {thing} was given up for {kept}"),
        "set_aside" => {
            format!("{} set aside", count(value, "payload is", "payloads are"))
        }
        "refused" => {
            format!("{} refused", count(value, "request a minute is", "requests a minute are"))
        }
        "disk_full" if value == i64::MAX => "the disk does not fill any more".to_owned(),
        "disk_full" => format!("the disk will be full in {}", hours(value)),
        "disk_floor" => "the disk has enough free space again".to_owned(),
        _ => format!("events {thing} arrive again"),
    }
}

fn count(value: i64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(value.unsigned_abs()), if value == 1 { one } else { many })
}

/// A duration in its two largest units.
fn duration(ms: i64) -> String {
    let s = ms / 1_000;
    let parts = [(s / 86_400, "d"), (s / 3_600 % 24, "h"), (s / 60 % 60, "min"), (s % 60, "s")];
    let shown: Vec<String> = parts
        .iter()
        .skip_while(|(count, _)| *count == 0)
        .take(2)
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    if shown.is_empty() { "0 s".to_owned() } else { shown.join(" ") }
}

fn hours(hours: i64) -> String {
    match hours {
        48.. => format!("{} days", hours / 24),
        hours => format!("{hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::Mode;
    use super::super::rule::{Bound, Limits};
    use super::*;
    use crate::store::AlertKey;

    #[test]
    fn durations_are_shown_in_their_two_largest_units() {
        for (ms, shown) in [
            (0, "0 s"),
            (999, "0 s"),
            (59_000, "59 s"),
            (60_000, "1 min"),
            (61_000, "1 min 1 s"),
            (3_605_000, "1 h"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(duration(ms), shown);
        }
        assert_eq!([hours(0), hours(47), hours(100)], ["0 h", "47 h", "4 days"]);
    }

    #[test]
    fn one_of_a_thing_is_told_in_the_singular() {
        let told = |kind: &'static str, state: NoticeState, value: i64| {
            let limit = Bound::Above(0);
            let limits = Limits { exceeded: limit, fine: limit, for_ms: 0, keep_ms: 0 };
            let (name, names) = (kind.to_owned(), Vec::new());
            let rule = Rule { name, kind, mode: Mode::On, limits, names };
            let key = AlertKey { rule: kind.into(), thing: "sink crm".into() };
            text(&rule, state, &Reading { key, value: Some(value), why: None })
        };
        let begins = |kind, value, words: &str| {
            let told = told(kind, NoticeState::Firing, value);
            assert!(told.starts_with(&format!("Lamplight alert: {words}")), "{told}");
            assert!(without_heading(&told).starts_with(words), "{told}");
        };
        begins("lost", 1, "1 event was lost, which a page made and which will not arrive.");
        begins("lost", 2, "2 events were lost, which pages made and which will not arrive.");
        begins("dead_letters", 1, "1 delivery to sink crm was given up.");
        begins("dead_letters", 2, "2 deliveries to sink crm were given up.");
        begins("dead_letters", 100_000, "100,000 deliveries to sink crm were given up.");
        begins("set_aside", 1, "1 payload failed too often and waits for you.");
        begins("set_aside", 2, "2 payloads failed too often and wait for you.");
        begins("refused", 1, "1 request a minute is refused (limit 0).");
        begins("refused", 2, "2 requests a minute are refused (limit 0).");
        let ended = |kind, value| told(kind, NoticeState::Recovered, value);
        assert_eq!(ended("set_aside", 1), "Lamplight recovered: 1 payload is set aside");
        assert_eq!(ended("refused", 1), "Lamplight recovered: 1 request a minute is refused");
    }
}
