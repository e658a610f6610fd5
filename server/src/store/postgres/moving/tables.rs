//! How each table is read and written in PostgreSQL.

use super::lists;
use crate::store::Week;
use crate::store::moving::{Part, Table};
use crate::store::postgres::partitions;

/// What a column that SQLite does not have is computed from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Computed {
    /// The bucket of the producer in a column.
    ProducerBucket(usize),
    /// The bucket of an arrival: the columns of its id, producer, number, client id and source.
    ArrivalBucket([usize; 5]),
    /// The bucket of a client id: its column, and that of its source.
    ClientIdBucket(usize, usize),
    /// The hash of the text in a column.
    Hash(usize),
    /// The share of the queue, of the id in a column.
    Share(usize),
    /// The number of the sink whose name is in a column.
    Sink(usize),
    /// The week of the part.
    Week,
}

/// What a column is written from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fill {
    /// The column at this place.
    Column(usize),
    /// Something else.
    Computed(Computed),
}

/// How rows are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Writing {
    /// By a copy, to these columns.
    Copied(&'static [(&'static str, Fill)]),
    /// By a statement for each row, whose parameters are the columns.
    Each(&'static str),
}

/// How a table is read and written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// What its rows are read from. `{EVENTS}`, `{RUNS}` and so on are partitions.
    pub(super) from: &'static str,
    /// The order in which they are read. No two rows have the same.
    pub(super) keys: &'static str,
    /// The columns, in the order of [`Table`].
    pub(super) columns: &'static str,
    /// The columns whose texts are written as they are.
    pub(super) raw: &'static [usize],
    pub(super) writing: Writing,
}

use Computed::{ArrivalBucket, Hash, ProducerBucket, Share};
use Fill::{Column, Computed as By};
use Writing::{Copied, Each};

/// The layout of a table.
#[allow(clippy::too_many_lines, reason = "it is a list")]
pub(super) const fn layout(table: Table) -> Layout {
    match table {
        // What a server that was started before has made gives way to what is moved.
        Table::Keys => Layout {
            from: "keys",
            keys: "id",
            columns: "id, kind, source, hash, public_text, made_ms, disabled_ms, origins_json, bytes_per_s, events_per_s",
            raw: &[7],
            writing: Each(
                "INSERT INTO keys (id, kind, source, hash, public_text, made_ms, disabled_ms, origins_json, bytes_per_s, \
                 events_per_s) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO UPDATE SET \
                 kind = excluded.kind, source = excluded.source, hash = excluded.hash, public_text = excluded.public_text, \
                 made_ms = excluded.made_ms, disabled_ms = excluded.disabled_ms, origins_json = excluded.origins_json, \
                 bytes_per_s = excluded.bytes_per_s, events_per_s = excluded.events_per_s",
            ),
        },
        // Whether it is configured, and of which kind, is up to the servers of the database. One
        // that starts lets a sink continue that was stopped or rested.
        Table::Sinks => Layout {
            from: "sinks",
            keys: "id",
            columns: "name, paused_ms, kind, is_configured, stopped, rests_until_ms, rests_why",
            raw: &[],
            writing: Each(
                "INSERT INTO sinks (name, paused_ms, kind, is_configured, stopped, rests_until_ms, rests_why) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name) DO UPDATE SET paused_ms = excluded.paused_ms",
            ),
        },
        Table::Replays => Layout {
            from: "replays",
            keys: "id",
            columns: "id, first_id, last_id, after_id, payloads, rewritten, restored, accepted, skipped, begun_ms, ended_ms",
            raw: &[],
            writing: Each(
                "INSERT INTO replays (id, first_id, last_id, after_id, payloads, rewritten, restored, accepted, skipped, \
                 begun_ms, ended_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            ),
        },
        Table::SavedViews => Layout {
            from: "saved_views",
            keys: "page, name",
            columns: "page, name, query, made_ms",
            raw: &[],
            writing: Each(
                "INSERT INTO saved_views (page, name, query, made_ms) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (page, name) DO UPDATE SET query = excluded.query, made_ms = excluded.made_ms",
            ),
        },
        Table::Payloads => Layout {
            from: "payloads",
            keys: "id",
            columns: "id, received_ms, key_id, source, encoding, events, unpacked_bytes, user_agent, origin, client, body",
            raw: &[],
            writing: Copied(&[
                ("id", Column(0)),
                ("received_ms", Column(1)),
                ("key_id", Column(2)),
                ("source", Column(3)),
                ("encoding", Column(4)),
                ("events", Column(5)),
                ("unpacked_bytes", Column(6)),
                ("user_agent", Column(7)),
                ("origin", Column(8)),
                ("client", Column(9)),
                ("body", Column(10)),
            ]),
        },
        // A lease ended with the server that had it.
        Table::PayloadQueue => Layout {
            from: "payload_queue",
            keys: "id",
            columns: "id, CASE WHEN lease_token IS NULL THEN due_ms ELSE 1 END, received_ms, events, unpacked_bytes, attempts, \
                own_failures, last_error",
            raw: &[],
            writing: Copied(&[
                ("id", Column(0)),
                ("share", By(Share(0))),
                ("due_ms", Column(1)),
                ("received_ms", Column(2)),
                ("events", Column(3)),
                ("unpacked_bytes", Column(4)),
                ("attempts", Column(5)),
                ("own_failures", Column(6)),
                ("last_error", Column(7)),
            ]),
        },
        Table::SetAside => Layout {
            from: "set_aside",
            keys: "id",
            columns: "id, received_ms, events, unpacked_bytes, attempts, error, set_aside_ms, discarded_ms",
            raw: &[],
            writing: Copied(&[
                ("id", Column(0)),
                ("received_ms", Column(1)),
                ("events", Column(2)),
                ("unpacked_bytes", Column(3)),
                ("attempts", Column(4)),
                ("error", Column(5)),
                ("set_aside_ms", Column(6)),
                ("discarded_ms", Column(7)),
            ]),
        },
        Table::DiscardedSums => Layout {
            from: "discarded_sums",
            keys: "id",
            columns: "payloads, events",
            raw: &[],
            writing: Each("UPDATE discarded_sums SET payloads = $1, events = $2"),
        },
        Table::Events => Layout {
            from: "{events}",
            keys: "id, bucket",
            columns: "id, payload_index, created_day, received_ms, time_ms, ts_ms, seq, profile_revision, payload_id, producer, \
                type, name, source, user_id, anonymous_id, session, event_id, monitor, context, enrichment, profile, properties",
            raw: &[],
            writing: Copied(&[
                ("id", Column(0)),
                ("bucket", By(ArrivalBucket([0, 9, 6, 16, 12]))),
                ("payload_index", Column(1)),
                ("created_day", Column(2)),
                ("received_ms", Column(3)),
                ("time_ms", Column(4)),
                ("ts_ms", Column(5)),
                ("seq", Column(6)),
                ("profile_revision", Column(7)),
                ("payload_id", Column(8)),
                ("producer", Column(9)),
                ("type", Column(10)),
                ("name", Column(11)),
                ("source", Column(12)),
                ("user_id", Column(13)),
                ("anonymous_id", Column(14)),
                ("session", Column(15)),
                ("event_id", Column(16)),
                ("monitor", Column(17)),
                ("context", Column(18)),
                ("enrichment", Column(19)),
                ("profile", Column(20)),
                ("properties", Column(21)),
            ]),
        },
        Table::Runs => Layout {
            from: "{runs}",
            keys: "producer, scope, first, first_id, bucket",
            columns: "producer, scope, first, last, first_id",
            raw: &[],
            writing: Copied(&[
                ("producer", Column(0)),
                ("scope", Column(1)),
                ("first", Column(2)),
                ("last", Column(3)),
                ("first_id", Column(4)),
                ("bucket", By(ProducerBucket(0))),
            ]),
        },
        // Its first column is the hash of the key. `profile_keys` finds the key.
        Table::ProfileVersions => Layout {
            from: "{profile_versions}",
            keys: "key, week, revision",
            columns: "key, revision, base, changed_bytes, json",
            raw: &[4],
            writing: Copied(&[
                ("key", By(Hash(0))),
                ("week", By(Computed::Week)),
                ("revision", Column(1)),
                ("base", Column(2)),
                ("changed_bytes", Column(3)),
                ("json", Column(4)),
            ]),
        },
        Table::Outcomes => Layout {
            from: "outcomes",
            keys: "id, bucket",
            columns: "id, payload_index, received_ms, applied_ms, seq, producer, payload_id, state, reason, detail, source, \
                event_id, content",
            raw: &[],
            writing: Copied(&[
                ("id", Column(0)),
                ("bucket", By(ArrivalBucket([0, 5, 4, 11, 10]))),
                ("payload_index", Column(1)),
                ("received_ms", Column(2)),
                ("applied_ms", Column(3)),
                ("seq", Column(4)),
                ("producer", Column(5)),
                ("payload_id", Column(6)),
                ("state", Column(7)),
                ("reason", Column(8)),
                ("detail", Column(9)),
                ("source", Column(10)),
                ("event_id", Column(11)),
                ("content", Column(12)),
            ]),
        },
        Table::Producers => lists::PRODUCERS,
        Table::Sources => lists::SOURCES,
        Table::Totals => lists::TOTALS,
        Table::EventIds => lists::EVENT_IDS,
        Table::Applied => lists::APPLIED,
        Table::ProfileStates => lists::PROFILE_STATES,
        Table::ProfileWords => lists::PROFILE_WORDS,
        Table::SinkCounts => lists::SINK_COUNTS,
        Table::Deliveries => lists::DELIVERIES,
        Table::DeliveryQueue => lists::DELIVERY_QUEUE,
        Table::DeadLetters => lists::DEAD_LETTERS,
        Table::DiscardedLetters => lists::DISCARDED_LETTERS,
        Table::Trends => lists::TRENDS,
        Table::TrendMark => lists::TREND_MARK,
        Table::AlertStates => lists::ALERT_STATES,
        Table::AlertMark => lists::ALERT_MARK,
        Table::AlertNotices => lists::ALERT_NOTICES,
        Table::Tallies => lists::TALLIES,
        Table::TallyDetails => lists::TALLY_DETAILS,
        Table::Weeks => lists::WEEKS,
    }
}

impl Layout {
    /// What the rows of a part are read from.
    pub(super) fn read_from(&self, part: Part) -> String {
        self.from.replace(&format!("{{{}}}", part.table.name()), &table_of(part))
    }

    /// Whether the texts of a column are as they were given.
    pub(super) fn is_raw(&self, column: usize) -> bool {
        self.raw.contains(&column)
    }
}

/// The table that the rows of a part are in: a partition, if it is one of a week.
pub(super) fn table_of(part: Part) -> String {
    match part.week {
        Some(week) => partitions::name(part.table.name(), week),
        None => part.table.name().to_owned(),
    }
}

/// The number of a week, as the database keeps it.
pub(super) fn number(week: Week) -> i64 {
    week.number().into()
}
