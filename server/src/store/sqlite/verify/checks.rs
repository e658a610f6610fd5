//! The list of all checks.

use super::{
    Databases, Found, alerts, deliveries, files, intake, ledgers, marks, profiles, rows, runs,
    sums, tallies, trends,
};

/// One check.
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// What must be true.
    pub rule: &'static str,
    /// What to do if it is not.
    pub advice: &'static str,
    pub(super) run: fn(&Databases, &mut Found) -> rusqlite::Result<()>,
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Check").field("name", &self.name).finish_non_exhaustive()
    }
}

const RESTORE: &str = "Restore a backup, or ask for help with a copy of the directory";
const REPLAY: &str = "Stop the server and run `lamplight replay` for the time of these events, which \
     restores them from their payloads as long as these are kept";
const MIXED: &str = "These files are not of the same moment. Restore all files from one backup, or run \
     `lamplight replay` for the time that differs";
const REPORT: &str = "No event is lost. Please report it with the output of this command";

/// Every check, in the order in which they run.
pub const CHECKS: &[Check] = &[
    Check {
        name: "integrity",
        rule: "SQLite can read every page, and every index agrees with its table",
        advice: RESTORE,
        run: files::integrity,
    },
    Check {
        name: "schema",
        rule: "every database has the schema of this version",
        advice: "Start the server of this version once, which migrates the databases, and check again",
        run: files::schema,
    },
    Check {
        name: "week-files",
        rule: "every week with events has its file",
        advice: REPLAY,
        run: files::week_files,
    },
    Check {
        name: "week-events",
        rule: "a file of events has as many rows as store.db counts",
        advice: REPLAY,
        run: rows::counts,
    },
    Check {
        name: "row-ids",
        rule: "a row's id is that of its week, its time and its place in the payload",
        advice: RESTORE,
        run: rows::ids,
    },
    Check {
        name: "marks",
        rule: "every row's payload is marked as applied, with as many rows as there are",
        advice: MIXED,
        run: marks::rows,
    },
    Check {
        name: "outcomes",
        rule: "every arrival that was not stored belongs to a payload that is marked, and has no row",
        advice: MIXED,
        run: marks::outcomes,
    },
    Check {
        name: "runs",
        rule: "runs say exactly which rows have which numbers",
        advice: REPLAY,
        run: runs::rows,
    },
    Check {
        name: "numbers",
        rule: "no number of a producer is stored twice, in one week or in two",
        advice: RESTORE,
        run: ledgers::twice,
    },
    Check {
        name: "ledgers",
        rule: "a ledger has every number that is stored, and every number in it was stored or refused",
        advice: MIXED,
        run: ledgers::complete,
    },
    Check {
        name: "client-ids",
        rule: "an id that a client chose belongs to the event that was stored with it, and to no other",
        advice: MIXED,
        run: rows::client_ids,
    },
    Check {
        name: "totals",
        rule: "the counts of everything are those of the rows",
        advice: REPORT,
        run: sums::totals,
    },
    Check {
        name: "sources",
        rule: "the counts of each source are those of its ledgers",
        advice: REPORT,
        run: sums::sources,
    },
    Check {
        name: "queue",
        rule: "every payload that waits is there, once, in the share that its worker reads",
        advice: RESTORE,
        run: intake::queue,
    },
    Check {
        name: "discarded",
        rule: "every payload that was discarded is counted",
        advice: REPORT,
        run: intake::discarded,
    },
    Check {
        name: "settled",
        rule: "every payload that waits no more is marked as applied",
        advice: "intake.db is newer than store.db. Restore both from one backup",
        run: intake::settled,
    },
    Check {
        name: "sinks",
        rule: "the counts of each sink are those of its deliveries",
        advice: REPORT,
        run: deliveries::sinks,
    },
    Check {
        name: "deliveries",
        rule: "a delivery is in the queue, a dead letter, or done, as its log says, and only once",
        advice: REPORT,
        run: deliveries::queued,
    },
    Check {
        name: "delivery-events",
        rule: "every delivery is of an event that is stored",
        advice: REPLAY,
        run: deliveries::events,
    },
    Check {
        name: "profile-words",
        rule: "every word of a profile belongs to one, and was said by an event that is stored",
        advice: REPLAY,
        run: profiles::words,
    },
    Check {
        name: "profile-versions",
        rule: "every version of a profile that an event shows is there, from its whole version on",
        advice: RESTORE,
        run: profiles::versions,
    },
    Check {
        name: "tallies",
        rule: "counts by time of names, sources and invalid events are those of what is stored",
        advice: "Stop the server and run `lamplight verify --repair`, which counts again",
        run: tallies::counts,
    },
    Check {
        name: "trends",
        rule: "figures of trends are those of samples, and a period has all samples of its parts",
        advice: REPORT,
        run: trends::periods,
    },
    Check {
        name: "alerts",
        rule: "every alert that fires was announced and has not ended, and every notice is queued, \
               done, or not for the webhook",
        advice: REPORT,
        run: alerts::alerts,
    },
];
