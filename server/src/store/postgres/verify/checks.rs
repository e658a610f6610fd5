//! The list of all checks.

use super::{Count, Rows};

/// One check.
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// What must be true.
    pub rule: &'static str,
    /// What to do if it is not.
    pub advice: &'static str,
    pub(super) rows: Rows,
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Check").field("name", &self.name).finish_non_exhaustive()
    }
}

const RESTORE: &str = "Restore a backup, or ask for help with a copy of the database";
const REPLAY: &str = "Run `lamplight replay` for the time of these events, which restores them from their \
     payloads as long as these are kept";
const REPORT: &str = "No event is lost. Please report it with the output of this command";

/// A count that always holds.
const fn count(table: &'static str, what: &'static str, sql: &'static str) -> Count {
    Count { table, what, sql, needs_everything: false }
}

/// Every check, in the order in which they run.
pub const CHECKS: &[Check] = &[
    Check {
        name: "row-ids",
        rule: "an event's id is that of its time and its place in the payload",
        advice: RESTORE,
        rows: Rows::Count(&[count(
            "events",
            "a row whose id is not that of its payload",
            "SELECT count(*), min(id::text) FROM events WHERE \
             ('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint <> greatest(received_ms, 0) \
             OR ('x' || right(id::text, 4))::bit(16)::integer <> payload_index",
        )]),
    },
    Check {
        name: "marks",
        rule: "every event's payload is marked as applied, with as many events as there are",
        advice: REPLAY,
        rows: Rows::Count(&[count(
            "applied",
            "a payload has another number of events than its mark",
            "SELECT count(*), min(payload_id::text) FROM \
             (SELECT payload_id, count(*) AS stored FROM events WHERE id >= {KEPT} GROUP BY payload_id) AS there \
             FULL JOIN (SELECT payload_id, stored FROM applied WHERE payload_id >= {KEPT}) AS marked \
             USING (payload_id) WHERE marked.stored IS NULL OR marked.stored <> coalesce(there.stored, 0)",
        )]),
    },
    Check {
        name: "outcomes",
        rule: "every arrival that was not stored belongs to a payload that is marked, and has no row",
        advice: REPORT,
        rows: Rows::Count(&[
            count(
                "outcomes",
                "an arrival of a payload that is not marked as applied",
                "SELECT count(*), min(id::text) FROM outcomes AS it WHERE id >= {KEPT} AND NOT EXISTS \
                 (SELECT FROM applied WHERE applied.payload_id = it.payload_id)",
            ),
            count(
                "outcomes",
                "an arrival that is stored and also is not",
                "SELECT count(*), min(it.id::text) FROM outcomes AS it WHERE EXISTS \
                 (SELECT FROM events WHERE events.id = it.id)",
            ),
            Count {
                table: "applied",
                what: "marks say another number of arrivals that were not stored",
                sql: "SELECT abs(marked - there)::bigint, marked || ', and there are ' || there FROM \
                      (SELECT (SELECT coalesce(sum(duplicates + invalid), 0) FROM applied) AS marked, \
                      (SELECT count(*) FROM outcomes) AS there) AS counts",
                needs_everything: true,
            },
        ]),
    },
    Check {
        name: "runs",
        // The row of a run's first number is in the same payload: one producer may have any number
        // of runs, so the database must find this run among them by an equality.
        rule: "runs say exactly which rows have which numbers",
        advice: REPLAY,
        rows: Rows::Count(&[
            count(
                "runs",
                "an event whose number is in no run",
                "SELECT count(*), min(it.id::text) FROM events AS it WHERE seq IS NOT NULL AND NOT EXISTS \
                 (SELECT FROM runs WHERE runs.producer = it.producer \
                 AND left(first_id::text, 32) = left(it.id::text, 32) AND first_id <= it.id \
                 AND scope IN (it.source, '') AND it.seq BETWEEN first AND last \
                 AND ('x' || right(first_id::text, 4))::bit(16)::integer + it.seq - first = it.payload_index)",
            ),
            count(
                "runs",
                "runs have another number of events",
                "SELECT abs(numbered - there)::bigint, numbered || ', and there are ' || there FROM \
                 (SELECT (SELECT coalesce(sum(last - first + 1), 0) FROM runs) AS numbered, \
                 (SELECT count(seq) FROM events) AS there) AS counts",
            ),
        ]),
    },
    Check {
        name: "numbers",
        rule: "no number of a producer is stored twice",
        advice: RESTORE,
        rows: Rows::Count(&[count(
            "events",
            "a number is stored twice",
            "SELECT count(*), min(seq || ' of producer ' || producer) FROM (SELECT source, producer, seq \
             FROM events WHERE seq IS NOT NULL GROUP BY source, producer, seq HAVING count(*) > 1) AS twice",
        )]),
    },
    Check {
        name: "ledgers",
        rule: "a ledger has every number that is stored, and every number in it was stored or refused",
        advice: RESTORE,
        rows: Rows::Ledgers,
    },
    Check {
        name: "run-ledgers",
        rule: "every run has its ledger",
        advice: RESTORE,
        rows: Rows::Count(&[count(
            "runs",
            "numbers are stored without a ledger",
            "SELECT count(*), min(first || ' of producer ' || producer) FROM runs AS it WHERE NOT EXISTS \
             (SELECT FROM producers WHERE producers.producer = it.producer AND producers.scope = it.scope)",
        )]),
    },
    Check {
        name: "client-ids",
        rule: "an id that a client chose belongs to an event that is stored",
        advice: REPLAY,
        rows: Rows::Count(&[count(
            "event_ids",
            "an id belongs to an event that is not stored",
            "SELECT count(*), min(event_id) FROM event_ids AS it WHERE NOT is_refused AND id >= {KEPT} \
             AND NOT EXISTS (SELECT FROM events WHERE events.id = it.id)",
        )]),
    },
    Check {
        name: "totals",
        rule: "the counts of everything are those of the rows",
        advice: REPORT,
        rows: Rows::Count(&[
            count("totals", "a count of everything is wrong", TOTALS),
            Count {
                table: "totals",
                what: "a count of everything is wrong",
                sql: PRUNED_TOTALS,
                needs_everything: true,
            },
        ]),
    },
    Check {
        name: "sources",
        rule: "the counts of each source are those of its ledgers",
        advice: REPORT,
        rows: Rows::Count(&[count(
            "sources",
            "the counts of a source are not those of its ledgers",
            "SELECT count(*), min(source) FROM (SELECT source, sum(producers) AS producers, sum(made) AS made, \
             sum(received) AS received, sum(declared) AS declared, sum(missing) AS missing FROM \
             (SELECT source, producers, made, received, declared, missing FROM sources UNION ALL \
             SELECT source, -1, -made, -received, -declared, -missing FROM producers) AS both_sides \
             GROUP BY source) AS differences \
             WHERE (producers, made, received, declared, missing) <> (0, 0, 0, 0, 0)",
        )]),
    },
    Check {
        name: "queue",
        rule: "every payload that waits is there, once, and is counted",
        advice: RESTORE,
        rows: Rows::Count(&[
            count(
                "payload_queue",
                "a payload that waits is not there, or has another number of events",
                "SELECT count(*), min(it.id::text) FROM (SELECT id, events FROM payload_queue UNION ALL \
                 SELECT id, events FROM set_aside) AS it LEFT JOIN payloads ON payloads.id = it.id \
                 WHERE payloads.events IS DISTINCT FROM it.events",
            ),
            count(
                "payload_queue",
                "a payload waits and is set aside",
                "SELECT count(*), min(id::text) FROM payload_queue JOIN set_aside USING (id)",
            ),
            count("queue_counts", "a count of the queue is wrong", QUEUE_COUNTS),
        ]),
    },
    Check {
        name: "settled",
        rule: "every payload waits to be processed, or is marked as applied",
        advice: RESTORE,
        rows: Rows::Count(&[count(
            "payloads",
            "a payload neither waits nor is marked as applied",
            "SELECT count(*), min(id::text) FROM payloads AS it WHERE id >= {KEPT} \
             AND NOT EXISTS (SELECT FROM applied WHERE applied.payload_id = it.id) \
             AND NOT EXISTS (SELECT FROM payload_queue WHERE payload_queue.id = it.id) \
             AND NOT EXISTS (SELECT FROM set_aside WHERE set_aside.id = it.id)",
        )]),
    },
    Check {
        name: "sinks",
        rule: "the counts of each sink are those of its deliveries",
        advice: REPORT,
        rows: Rows::Count(&[count(
            "sink_counts",
            "the counts of a sink are not those of its deliveries",
            "SELECT count(*), min(sink::text) FROM (SELECT sink, sum(waiting) AS waiting, sum(dead) AS dead FROM \
             (SELECT sink, waiting, dead FROM sink_counts UNION ALL SELECT sink, -1, 0 FROM delivery_queue \
             UNION ALL SELECT sink, 0, -1 FROM dead_letters) AS both_sides GROUP BY sink) AS differences \
             WHERE (waiting, dead) <> (0, 0)",
        )]),
    },
    Check {
        name: "delivery-events",
        rule: "every delivery is of an event that is stored, and is queued or a dead letter only once",
        advice: REPLAY,
        rows: Rows::Count(&[
            count(
                "delivery_queue",
                "a delivery of an event that is not stored",
                "SELECT count(*), min(event_id::text) FROM (SELECT event_id FROM delivery_queue UNION ALL \
                 SELECT event_id FROM dead_letters) AS it WHERE NOT EXISTS \
                 (SELECT FROM events WHERE events.id = it.event_id)",
            ),
            count(
                "delivery_queue",
                "a delivery is queued and is a dead letter",
                "SELECT count(*), min(event_id::text) FROM delivery_queue JOIN dead_letters USING (sink, event_id)",
            ),
        ]),
    },
    Check {
        name: "profile-words",
        rule: "every word of a profile belongs to one",
        advice: RESTORE,
        rows: Rows::Count(&[count(
            "profile_words",
            "a word belongs to no profile",
            "SELECT count(*), min(name) FROM profile_words AS it WHERE NOT EXISTS \
             (SELECT FROM profile_states WHERE profile_states.id = it.profile)",
        )]),
    },
    Check {
        name: "tallies",
        rule: "counts by time of names, sources and invalid events are those of what is stored",
        advice: "Run `lamplight verify --repair`, which counts again",
        rows: Rows::Tallies,
    },
];

/// Counts that are kept for good.
const TOTALS: &str = "SELECT count(*), min(name || ' is ' || told || ', the rows say ' || counted) FROM \
     (SELECT 'stored' AS name, (SELECT sum(stored) FROM totals) AS told, (SELECT count(*) FROM events) \
       + (SELECT coalesce(sum(removed_events), 0) FROM weeks) AS counted UNION ALL \
     SELECT 'made', (SELECT sum(made) FROM totals), (SELECT coalesce(sum(made), 0) FROM producers) UNION ALL \
     SELECT 'declared', (SELECT sum(declared) FROM totals), \
       (SELECT coalesce(sum(declared), 0) FROM producers) UNION ALL \
     SELECT 'missing', (SELECT sum(missing) FROM totals), \
       (SELECT coalesce(sum(missing), 0) FROM producers)) AS counts WHERE told <> counted";
/// Counts whose rows are pruned.
const PRUNED_TOTALS: &str = "SELECT count(*), min(name || ' is ' || told || ', the rows say ' || counted) FROM \
     (SELECT 'duplicates' AS name, (SELECT sum(duplicates) FROM totals) AS told, \
       (SELECT count(*) FROM outcomes WHERE state = 'duplicate') AS counted UNION ALL \
     SELECT 'invalid', (SELECT sum(invalid) FROM totals), \
       (SELECT count(*) FROM outcomes WHERE state = 'invalid')) AS counts WHERE told <> counted";
const QUEUE_COUNTS: &str = "SELECT count(*), min(name || ' is ' || told || ', the rows say ' || counted) FROM \
     (SELECT 'payloads' AS name, sum(payloads) AS told, (SELECT count(*) FROM payload_queue) AS counted \
       FROM queue_counts UNION ALL \
     SELECT 'events', sum(events), (SELECT coalesce(sum(events), 0) FROM payload_queue) FROM queue_counts UNION ALL \
     SELECT 'set_aside', sum(set_aside), (SELECT count(*) FROM set_aside WHERE discarded_ms IS NULL) \
       FROM queue_counts UNION ALL \
     SELECT 'set_aside_events', sum(set_aside_events), \
       (SELECT coalesce(sum(events), 0) FROM set_aside WHERE discarded_ms IS NULL) FROM queue_counts) AS counts \
     WHERE told <> counted";
