use lamplight_wire::reason::DropReason;
use lamplight_wire::{Producer, Ranges};
use ts_rs::TS;

use super::*;
use crate::client::{COUNTERS, TrackOutcome};
use crate::send::flush::FlushReason;
use crate::tabs::lock::LockPhase;

/// Where the package's sources have what is generated here.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../npm/src/generated");
/// The variable that makes the tests write the files.
const UPDATE: &str = "LAMPLIGHT_UPDATE_GENERATED";
const COMMAND: &str =
    "LAMPLIGHT_UPDATE_GENERATED=1 cargo test -p lamplight-sdk --lib reports, and review the diff";

/// Compares a file with what it should contain, or writes it.
fn assert_generated(name: &str, expected: &str) {
    let path = format!("{FOLDER}/{name}");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, expected).expect("the file can be written");
    }
    let current = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(current, expected, "{path} is out of date: run {COMMAND}");
}

/// A declaration as a person would write it: comments of one line stand on one line.
fn declaration<T: TS>() -> String {
    let config = ts_rs::Config::new().with_large_int("number");
    let docs = T::docs().unwrap_or_default();
    let text = format!("\n{}\nexport {}\n", docs.trim_end(), T::decl(&config));
    text.replace("/**\n * ", "/** ")
        .replace("\n */", " */")
        .replace(" \n", "\n")
        .replace("\"kind\"", "kind")
        .replace(", }", ",\n}")
}

#[test]
fn the_types_of_the_package_are_those_of_the_reports() {
    let declarations = [
        declaration::<NoteReport>(),
        declaration::<Delivered>(),
        declaration::<Dropped>(),
        declaration::<Report>(),
        declaration::<Stats>(),
        declaration::<OverflowStats>(),
        declaration::<DroppedStats>(),
        declaration::<LockStats>(),
        declaration::<TenureStats>(),
    ];
    let head = "// Generated from sdk-wasm/src/reports.rs by the tests beside it.\n\
                import type { DropReason, FlushReason, LockPhase } from './codes.ts'\n";
    assert_generated("reports.ts", &(String::from(head) + &declarations.concat()));
}

#[test]
fn the_codes_of_the_package_are_those_of_the_client() {
    let list = |constant: &str, name: &str, docs: &str, codes: &[&str]| {
        let codes: Vec<String> = codes.iter().map(|code| format!("'{code}'")).collect();
        format!(
            "\n/** {docs} */\nexport type {name} = {}\n\
             /** Every `{name}`, by the index that the module uses. */\n\
             export const {constant}: readonly {name}[] = [{}]\n",
            codes.join(" | "),
            codes.join(", "),
        )
    };
    let outcomes = TrackOutcome::ALL.map(TrackOutcome::code);
    let drops = DropReason::ALL.map(DropReason::code);
    let flushes = FlushReason::ALL.map(FlushReason::code);
    let lists = [
        list("TRACK_OUTCOMES", "TrackOutcome", "What happened to an event.", &outcomes),
        list("DROP_REASONS", "DropReason", "Why an event was dropped.", &drops),
        list("FLUSH_REASONS", "FlushReason", "Why a request was sent.", &flushes),
        list("LOCK_PHASES", "LockPhase", "A tab's part in the tab lock.", &LockPhase::NAMES),
    ];
    let names = COUNTERS.join(", ");
    let counters = format!(
        "\n/** The numbers of a first client's statistics, by name. */\n\
         export const counters = ([{names}]: number[]) => ({{ {names} }}) as \
         Record<'{}', number>\n",
        COUNTERS.join("' | '"),
    );
    let head = "// Generated from Rust by the tests of sdk-wasm/src/reports.\n";
    assert_generated("codes.ts", &(String::from(head) + &lists.concat() + &counters));
}

#[test]
fn notes_become_objects_of_their_kind() {
    let json = |note: Note| serde_json::to_value(NoteReport::from(&note)).expect("it is JSON");
    let producer = Producer::from_bits(3);
    let seqs: Ranges = [(1, 2), (4, 4)].into_iter().collect();
    let delivered = serde_json::json!({
        "producer": producer.to_string(),
        "ids": [format!("{producer}-1"), format!("{producer}-2"), format!("{producer}-4")],
        "count": 3,
    });
    let note = json(Note::Delivered { producer, seqs: seqs.clone() });
    assert_eq!(note, serde_json::json!({ "kind": "delivered", "delivered": delivered }));
    let note = json(Note::Adopted { producer, seqs });
    assert_eq!(note, serde_json::json!({ "kind": "adopted", "delivered": delivered }));
    let note = json(Note::Dropped { producer, seq: 2, reason: DropReason::TooLarge });
    let dropped = serde_json::json!({
        "producer": producer.to_string(), "id": format!("{producer}-2"), "reason": "too_large",
    });
    assert_eq!(note, serde_json::json!({ "kind": "dropped", "dropped": dropped }));
    let note = json(Note::Failed { status: 503, wait_ms: 1_000 });
    assert_eq!(note, serde_json::json!({ "kind": "failed", "status": 503, "waitMs": 1_000 }));
    let note = json(Note::Flushed { sent: 1, queued: 2, status: Some(0) });
    let report = serde_json::json!({ "sent": 1, "queued": 2, "status": 0 });
    assert_eq!(note, serde_json::json!({ "kind": "flushed", "report": report }));
    let note = json(Note::Flushed { sent: 1, queued: 0, status: None });
    let report = serde_json::json!({ "sent": 1, "queued": 0 });
    assert_eq!(note, serde_json::json!({ "kind": "flushed", "report": report }));
    assert_eq!(json(Note::Withdrawn), serde_json::json!({ "kind": "withdrawn" }));
}
