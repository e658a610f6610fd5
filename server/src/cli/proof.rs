//! `lamplight gaps --proof`: whether a file that the console exported is whole, and adds up.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use data_encoding::HEXLOWER;
use lamplight_wire::Ranges;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::outcome::{CommandError, Outcome};
use crate::counted::counted;
use crate::store::ledger::{Sums, ahead_max};
use crate::terminal::Output;

/// The longest file: far more than 10,000 producers take.
const BYTES_MAX: u64 = 512 * 1024 * 1024;
/// The most faults that are printed.
const FAULTS_MAX: usize = 50;

#[derive(Deserialize)]
struct Content {
    at_text: String,
    judged_at: i64,
    filter: Filter,
    sums: FileSums,
    equation: String,
    next: Option<String>,
    producers: Vec<Proven>,
}

#[derive(Deserialize)]
struct Filter {
    verdict: Option<String>,
    source: Option<String>,
    producer: Option<String>,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
struct FileSums {
    producers: u64,
    made: u64,
    received: u64,
    declared: u64,
    in_flight: u64,
    lost: u64,
}

#[derive(Deserialize)]
struct Proven {
    producer: String,
    source: String,
    verdict: String,
    made: u64,
    received: u64,
    declared: u64,
    missing: u64,
    received_ranges: Vec<(u64, u64)>,
    declared_ranges: Vec<Declared>,
    missing_ranges: Vec<(u64, u64)>,
    forgotten: u64,
    last_heard: i64,
}

#[derive(Deserialize)]
struct Declared {
    reason: String,
    ranges: Vec<(u64, u64)>,
}

/// What is wrong with a file, a line for each fault.
#[derive(Debug, Default)]
struct Faults(Vec<String>);

impl Faults {
    fn add(&mut self, fault: String) {
        self.0.push(fault);
    }

    #[expect(clippy::needless_pass_by_value, reason = "they are numbers and texts")]
    fn differs(&mut self, place: &str, stated: impl ToString, is: impl ToString) {
        let (stated, is) = (stated.to_string(), is.to_string());
        if stated != is {
            self.add(format!("{place}: the file states {stated}, and its ranges give {is}"));
        }
    }
}

/// Checks a proof, and prints a line for each fault.
///
/// # Errors
/// [`CommandError`], when the file cannot be read.
pub(super) fn check_proof(path: &Path, out: &mut Output) -> Result<Outcome, CommandError> {
    let failed = |why: String| CommandError::Failed(format!("read {}: {why}", path.display()));
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|it| it.take(BYTES_MAX + 1).read_to_end(&mut bytes));
    read.map_err(|error| failed(error.to_string()))?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(failed(format!("it has more than {BYTES_MAX} bytes, as no proof has")));
    }
    let name = path.display();
    let (content, faults) = check(&bytes);
    for fault in faults.0.iter().take(FAULTS_MAX) {
        writeln!(out, "{fault}")?;
    }
    out.flush()?;
    if !faults.0.is_empty() {
        let all = counted(faults.0.len() as u64, "fault", "faults");
        Output::note(&format!(
            "{name} proves nothing: {all}. Export the proof again, and compare the two files"
        ));
        return Ok(Outcome::Found);
    }
    if let Some(content) = content {
        let mut text = format!(
            "{name} holds: the digest is right, and its {} of {} add up: {}",
            counted(content.sums.producers, "producer", "producers"),
            content.at_text,
            content.equation
        );
        if content.next.is_some() {
            text.push_str(". It is a part: `next` names the file that continues it");
        }
        Output::note(&text);
    }
    Ok(Outcome::Done)
}

/// Reads a file, and looks for faults. There is no content if it cannot be read as a proof.
fn check(bytes: &[u8]) -> (Option<Content>, Faults) {
    let mut faults = Faults::default();
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let (first, second, third) = (lines.next(), lines.next(), lines.next());
    let stated = first.and_then(|line| {
        let line = std::str::from_utf8(line).ok()?;
        line.strip_prefix("{\"sha256\":\"")?.strip_suffix("\",\"content\":\n")
    });
    let Some(stated) = stated else {
        faults.add(
            "line 1: it is not that of a proof, `{\"sha256\":\"…\",\"content\":`. Another program \
             may have changed the form of the file"
                .to_owned(),
        );
        return (None, faults);
    };
    let Some(line) = second.filter(|line| line.ends_with(b"\n")) else {
        faults.add("line 2: the file is cut, so its end is missing".to_owned());
        return (None, faults);
    };
    if third != Some(b"}\n") || lines.next().is_some() {
        faults.add("line 3: the file does not end with `}` in a line of its own".to_owned());
    }
    let digest = HEXLOWER.encode(&Sha256::digest(line));
    if stated != digest {
        faults.add(format!(
            "line 2: its SHA-256 is {digest}, and line 1 states {stated}: one of them was changed"
        ));
    }
    let content: Content = match serde_json::from_slice(line) {
        Ok(content) => content,
        Err(error) => {
            faults.add(format!("line 2: it is not the content of a proof: {error}"));
            return (None, faults);
        }
    };
    check_content(&content, &mut faults);
    (Some(content), faults)
}

fn check_content(content: &Content, faults: &mut Faults) {
    let mut sums = FileSums::default();
    let mut seen = HashSet::new();
    for proven in &content.producers {
        let place = format!("producer {} of {}", proven.producer, proven.source);
        if !seen.insert((&proven.producer, &proven.source)) {
            faults.add(format!("{place}: it is in the file twice"));
        }
        let is = check_producer(proven, content.judged_at, &place, faults);
        let Filter { verdict, source, producer } = &content.filter;
        let is_of = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|it| it == is);
        let is_incomplete = verdict.as_deref() == Some("incomplete");
        let is_wanted = is_of(source, &proven.source)
            && is_of(producer, &proven.producer)
            && (is_of(verdict, &proven.verdict) || is_incomplete && proven.verdict != "complete");
        if !is_wanted {
            faults.add(format!("{place}: the filter of the file leaves it out"));
        }
        sums.producers += 1;
        let missing = if proven.verdict == "lost" { &mut sums.lost } else { &mut sums.in_flight };
        for (sum, number) in [
            (&mut sums.made, is.made),
            (&mut sums.received, is.received),
            (&mut sums.declared, is.declared),
            (missing, is.missing),
        ] {
            *sum = sum.saturating_add(number);
        }
    }
    let stated = &content.sums;
    faults.differs("sums, producers", stated.producers, sums.producers);
    faults.differs("sums, made", stated.made, sums.made);
    faults.differs("sums, received", stated.received, sums.received);
    faults.differs("sums, declared", stated.declared, sums.declared);
    faults.differs("sums, in_flight", stated.in_flight, sums.in_flight);
    faults.differs("sums, lost", stated.lost, sums.lost);
    let FileSums { made, received, declared, in_flight, lost, .. } = sums;
    let equation = format!(
        "made {made} = received {received} + declared {declared} + in flight {in_flight} + lost {lost}"
    );
    faults.differs("equation", &content.equation, &equation);
}

/// Checks a producer, and returns what its ranges give.
fn check_producer(proven: &Proven, judged_at: i64, place: &str, faults: &mut Faults) -> Sums {
    let mut all = Ranges::new();
    let mut read = |name: &str, given: &[(u64, u64)], faults: &mut Faults| {
        let (mut ranges, mut last) = (Ranges::new(), 0);
        for (from, to) in given.iter().copied() {
            if from <= last || to < from || to == u64::MAX {
                faults.add(format!("{place}, {name}: {from}–{to} is no range after {last}"));
                continue;
            }
            let common = all.within(from - 1, to);
            if let Some((first, _)) = common.as_slice().first() {
                faults.add(format!("{place}, {name}: {first} is in another list, too"));
            }
            ranges.insert_range(from, to);
            last = to;
        }
        all = all.merged(&ranges);
        ranges.count()
    };
    let received = read("received_ranges", &proven.received_ranges, faults);
    let mut declared = 0_u64;
    for Declared { reason, ranges } in &proven.declared_ranges {
        let name = format!("declared_ranges of {reason}");
        declared = declared.saturating_add(read(&name, ranges, faults));
    }
    let missing = read("missing_ranges", &proven.missing_ranges, faults);
    let made = received.saturating_add(declared).saturating_add(missing);
    faults.differs(&format!("{place}, made"), proven.made, made);
    faults.differs(&format!("{place}, received"), proven.received, received);
    faults.differs(&format!("{place}, declared"), proven.declared, declared);
    faults.differs(&format!("{place}, missing"), proven.missing, missing);
    // Numbers that did not arrive count above the forgotten ones, and up to what is believed.
    let last = all.last().unwrap_or(0).min(received.saturating_add(ahead_max(received)));
    let absent = all.holes(last + 1).within(proven.forgotten, last);
    if !absent.is_empty() {
        let mut text = String::new();
        for (from, to) in absent.as_slice().iter().take(4) {
            let _ =
                if from == to { write!(text, " {from}") } else { write!(text, " {from}–{to}") };
        }
        faults.add(format!("{place}: these numbers are in no list:{text}"));
    }
    let sums = Sums { made, received, declared, missing };
    let verdict = sums.verdict(proven.last_heard, judged_at).name();
    faults.differs(&format!("{place}, verdict"), &proven.verdict, verdict);
    sums
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const DAY_MS: i64 = 24 * 60 * 60 * 1000;

    fn content() -> Value {
        json!({
            "server": "0.0.0", "at": 5, "at_text": "1970-01-01T00:00:00Z",
            "judged_at": 40 * DAY_MS,
            "filter": {"verdict": null, "source": null, "producer": null},
            "sums": {"producers": 3, "made": 19, "received": 12, "declared": 2, "in_flight": 2, "lost": 3},
            "equation": "made 19 = received 12 + declared 2 + in flight 2 + lost 3",
            "next": null,
            "producers": [
                {"producer": "A", "source": "web", "verdict": "in_flight",
                 "made": 12, "received": 8, "declared": 2, "missing": 2,
                 "received_ranges": [[1, 2], [5, 6], [8, 10], [12, 12]],
                 "declared_ranges": [{"reason": "quota", "ranges": [[3, 4]]}],
                 "missing_ranges": [[7, 7], [11, 11]], "forgotten": 0,
                 "first_heard": 0, "last_heard": 39 * DAY_MS},
                {"producer": "A", "source": "app", "verdict": "lost",
                 "made": 5, "received": 2, "declared": 0, "missing": 3,
                 "received_ranges": [[1, 1], [9, 9]], "declared_ranges": [],
                 "missing_ranges": [[6, 8]], "forgotten": 5, "first_heard": 0, "last_heard": 5},
                {"producer": "B", "source": "web", "verdict": "complete",
                 "made": 2, "received": 2, "declared": 0, "missing": 0,
                 "received_ranges": [[1, 1], [9_000_000, 9_000_000]], "declared_ranges": [],
                 "missing_ranges": [], "forgotten": 8_999_999, "first_heard": 0, "last_heard": 5},
            ],
        })
    }

    fn file(content: &Value) -> String {
        let line = content.to_string() + "\n";
        let sha256 = HEXLOWER.encode(&Sha256::digest(&line));
        format!("{{\"sha256\":\"{sha256}\",\"content\":\n{line}}}\n")
    }

    fn faults(bytes: &[u8]) -> Vec<String> {
        check(bytes).1.0
    }

    #[test]
    fn every_change_of_a_number_is_found_even_if_the_digest_is_made_again() {
        assert_eq!(faults(file(&content()).as_bytes()), Vec::<String>::new());
        let mut changed = 0;
        let mut stack = vec![String::new()];
        while let Some(pointer) = stack.pop() {
            let whole = content();
            match whole.pointer(&pointer).unwrap() {
                Value::Array(items) => {
                    stack.extend((0..items.len()).map(|it| format!("{pointer}/{it}")));
                }
                Value::Object(members) => {
                    stack.extend(members.keys().map(|it| format!("{pointer}/{it}")));
                }
                Value::Number(number) => {
                    // What these mean is in the next test.
                    let others = ["at", "judged_at", "first_heard", "last_heard", "forgotten"];
                    if others.iter().any(|it| pointer.ends_with(&format!("/{it}"))) {
                        continue;
                    }
                    for by in [1, -1] {
                        let mut content = whole.clone();
                        let wrong = number.as_i64().unwrap() + by;
                        *content.pointer_mut(&pointer).unwrap() = json!(wrong);
                        assert!(!faults(file(&content).as_bytes()).is_empty(), "{pointer} {wrong}");
                        changed += 1;
                    }
                }
                _ => {}
            }
        }
        assert!(changed > 60, "{changed}");
    }

    #[test]
    fn times_and_forgotten_numbers_decide_what_may_be_missing() {
        for (pointer, wrong, want) in [
            ("/producers/0/last_heard", 0, "producer A of web, verdict: the file states in_flight"),
            (
                "/producers/1/last_heard",
                39 * DAY_MS,
                "producer A of app, verdict: the file states lost",
            ),
            ("/judged_at", 5, "producer A of app, verdict: the file states lost"),
            ("/producers/1/forgotten", 3, "producer A of app: these numbers are in no list: 4–5"),
        ] {
            let mut content = content();
            *content.pointer_mut(pointer).unwrap() = json!(wrong);
            let found = faults(file(&content).as_bytes());
            assert!(found.iter().any(|it| it.starts_with(want)), "{pointer}: {found:?}");
        }
    }

    #[test]
    fn a_file_that_was_cut_or_changed_anywhere_holds_no_more() {
        let whole = file(&content());
        for end in 0..whole.len() {
            assert!(!faults(&whole.as_bytes()[..end]).is_empty(), "cut at {end}");
            let mut bytes = whole.clone().into_bytes();
            bytes[end] = if bytes[end] == b'1' { b'2' } else { b'1' };
            assert!(!faults(&bytes).is_empty(), "changed at {end}");
        }
        assert!(!faults((whole.clone() + "x").as_bytes()).is_empty());
        assert!(!faults(whole.replace('\n', "\r\n").as_bytes()).is_empty());
    }

    #[test]
    fn a_fault_names_its_place() {
        let mut wrong = content();
        wrong["producers"][0]["received_ranges"][2] = json!([8, 11]);
        let found = faults(file(&wrong).as_bytes());
        let want = "producer A of web, missing_ranges: 11 is in another list, too";
        assert_eq!(found[0], want, "{found:?}");
        let want = "producer A of web, received: the file states 8, and its ranges give 9";
        assert!(found.iter().any(|it| it == want), "{found:?}");
        let mut wrong = content();
        wrong["producers"][0]["missing_ranges"] = json!([[7, 7]]);
        let found = faults(file(&wrong).as_bytes());
        assert!(found.contains(&"producer A of web: these numbers are in no list: 11".to_owned()));
        let mut wrong = content();
        wrong["producers"][1]["producer"] = json!("B");
        wrong["producers"][1]["source"] = json!("web");
        let found = faults(file(&wrong).as_bytes());
        assert_eq!(found, ["producer B of web: it is in the file twice"]);
        let mut wrong = content();
        wrong["filter"]["verdict"] = json!("incomplete");
        let found = faults(file(&wrong).as_bytes());
        assert_eq!(found, ["producer B of web: the filter of the file leaves it out"]);
    }
}
