//! How each table is read and written in SQLite.

use crate::store::moving::Table;

/// Which file a table is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    Intake,
    Store,
    Week,
}

/// How a table is read and written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) file: File,
    /// What its rows are read from.
    pub(super) from: &'static str,
    /// The order in which they are read. No two rows have the same.
    pub(super) keys: &'static str,
    /// The columns, in the order of [`Table`].
    pub(super) columns: &'static str,
    /// Writes one row.
    pub(super) insert: &'static str,
}

/// The layout of a table.
#[expect(clippy::too_many_lines, reason = "it is a list")]
pub(super) const fn layout(table: Table) -> Layout {
    use File::{Intake, Store, Week};
    match table {
        Table::Keys => Layout {
            file: Store,
            from: "keys",
            keys: "id",
            columns: "id, kind, source, hash, public_text, made_ms, disabled_ms, origins_json, bytes_per_s, events_per_s",
            insert: "INSERT INTO keys (id, kind, source, hash, public_text, made_ms, disabled_ms, origins_json, \
                bytes_per_s, events_per_s) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        },
        Table::Sinks => Layout {
            file: Store,
            from: "sinks",
            keys: "id",
            columns: "name, paused_ms, kind, is_configured, stopped, rests_until_ms, rests_why",
            insert: "INSERT INTO sinks (name, paused_ms, kind, is_configured, stopped, rests_until_ms, rests_why) \
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        },
        Table::Replays => Layout {
            file: Intake,
            from: "replays",
            keys: "id",
            columns: "id, first_id, last_id, after_id, payloads, rewritten, restored, accepted, skipped, begun_ms, ended_ms",
            insert: "INSERT INTO replays (id, first_id, last_id, after_id, payloads, rewritten, restored, accepted, \
                skipped, begun_ms, ended_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        },
        Table::SavedViews => Layout {
            file: Store,
            from: "saved_views",
            keys: "page, name",
            columns: "page, name, query, made_ms",
            insert: "INSERT INTO saved_views (page, name, query, made_ms) VALUES (?1, ?2, ?3, ?4)",
        },
        Table::Payloads => Layout {
            file: Intake,
            from: "payloads",
            keys: "position",
            columns: "id, received_ms, key_id, source, encoding, events, unpacked_bytes, user_agent, origin, client, body",
            insert: "INSERT INTO payloads (id, received_ms, key_id, source, encoding, events, unpacked_bytes, user_agent, \
                origin, client, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        },
        Table::PayloadQueue => Layout {
            file: Intake,
            from: "payload_queue AS q CROSS JOIN payloads AS p ON p.position = q.position",
            keys: "q.share, q.due_ms, q.position",
            columns: "p.id, q.due_ms, q.received_ms, q.events, q.unpacked_bytes, q.attempts, q.own_failures, q.last_error",
            insert: "INSERT INTO payload_queue (share, due_ms, position, received_ms, events, unpacked_bytes, attempts, \
                own_failures, last_error) \
                SELECT position / 64 % 4, ?2, position, ?3, ?4, ?5, ?6, ?7, ?8 FROM payloads WHERE id = ?1",
        },
        Table::SetAside => Layout {
            file: Intake,
            from: "set_aside",
            keys: "position",
            columns: "id, received_ms, events, unpacked_bytes, attempts, error, set_aside_ms, discarded_ms",
            insert: "INSERT INTO set_aside (position, id, received_ms, events, unpacked_bytes, attempts, error, set_aside_ms, \
                discarded_ms) SELECT position, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM payloads WHERE id = ?1",
        },
        Table::DiscardedSums => Layout {
            file: Intake,
            from: "discarded_sums",
            keys: "id",
            columns: "payloads, events",
            insert: "UPDATE discarded_sums SET payloads = ?1, events = ?2",
        },
        Table::Events => Layout {
            file: Week,
            from: "events",
            keys: "id",
            columns: "id, payload_index, created_day, received_ms, time_ms, ts_ms, seq, profile_revision, payload_id, producer, \
                type, name, source, user_id, anonymous_id, session, event_id, monitor, context, enrichment, profile, properties",
            insert: "INSERT INTO events (id, payload_index, created_day, received_ms, time_ms, ts_ms, seq, profile_revision, \
                payload_id, producer, type, name, source, user_id, anonymous_id, session, event_id, monitor, context, \
                enrichment, profile, properties) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, \
                ?16, ?17, ?18, ?19, ?20, ?21, ?22)",
        },
        Table::Runs => Layout {
            file: Week,
            from: "runs",
            keys: "producer, scope, first",
            columns: "producer, scope, first, last, first_id",
            insert: "INSERT INTO runs (producer, scope, first, last, first_id) VALUES (?1, ?2, ?3, ?4, ?5)",
        },
        Table::ProfileVersions => Layout {
            file: Week,
            from: "profile_versions",
            keys: "key, revision",
            columns: "key, revision, base, changed_bytes, json",
            insert: "INSERT INTO profile_versions (key, revision, base, changed_bytes, batch, json) \
                VALUES (?1, ?2, ?3, ?4, 0, ?5)",
        },
        Table::Outcomes => Layout {
            file: Store,
            from: "outcomes",
            keys: "id",
            columns: "id, payload_index, received_ms, applied_ms, seq, producer, payload_id, state, reason, detail, source, \
                event_id, content",
            insert: "INSERT INTO outcomes (id, payload_index, received_ms, applied_ms, seq, producer, payload_id, state, reason, \
                detail, source, event_id, content) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        },
        Table::Producers => Layout {
            file: Store,
            from: "producers AS p LEFT JOIN long_ledgers AS l ON l.producer = p.producer AND l.scope = p.scope",
            keys: "p.producer, p.scope",
            columns: "p.producer, p.scope, p.source, p.next, p.made, p.received, p.declared, p.missing, p.forgotten, p.refused, \
                p.first_heard_ms, p.last_heard_ms, ifnull(p.received_json, l.received_json), \
                ifnull(p.dropped_json, l.dropped_json)",
            insert: "INSERT INTO producers (producer, scope, source, next, made, received, declared, missing, forgotten, refused, \
                first_heard_ms, last_heard_ms, received_json, dropped_json) \
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        },
        Table::Sources => Layout {
            file: Store,
            from: "sources",
            keys: "source",
            columns: "source, producers, made, received, declared, missing",
            insert: "INSERT INTO sources (source, producers, made, received, declared, missing) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        },
        Table::Totals => Layout {
            file: Store,
            from: "totals",
            keys: "only",
            columns: "stored, duplicates, invalid, unnumbered, made, declared, missing",
            insert: "UPDATE totals SET stored = ?1, duplicates = ?2, invalid = ?3, unnumbered = ?4, made = ?5, declared = ?6, \
                missing = ?7",
        },
        Table::EventIds => Layout {
            file: Store,
            from: "event_ids",
            keys: "event_id, source, key_kind",
            columns: "event_id, source, key_kind, refused, id, received_ms",
            insert: "INSERT INTO event_ids (event_id, source, key_kind, refused, id, received_ms) \
                VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        },
        Table::Applied => Layout {
            file: Store,
            from: "applied",
            keys: "payload_id",
            columns: "payload_id, applied_ms, attempt, stored, duplicates, invalid",
            insert: "INSERT INTO applied (payload_id, applied_ms, attempt, stored, duplicates, invalid) \
                VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        },
        Table::ProfileStates => Layout {
            file: Store,
            from: "profile_states",
            keys: "id",
            columns: "id, key, revision, empty, week",
            insert: "INSERT INTO profile_states (id, key, revision, empty, week) VALUES (?1, ?2, ?3, ?4, ?5)",
        },
        Table::ProfileWords => Layout {
            file: Store,
            from: "profile_words",
            keys: "profile, subject, name",
            columns: "profile, said_ms, event_id, subject, name, json",
            insert: "INSERT INTO profile_words (profile, said_ms, event_id, subject, name, json) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        },
        Table::SinkCounts => Layout {
            file: Store,
            from: "(SELECT * FROM sinks WHERE waiting + sent + dead + dropped + discarded > 0)",
            keys: "id",
            columns: "name, waiting, sent, dead, dropped, discarded",
            insert: "UPDATE sinks SET waiting = ?2, sent = ?3, dead = ?4, dropped = ?5, discarded = ?6 WHERE name = ?1",
        },
        Table::Deliveries => Layout {
            file: Store,
            from: "deliveries AS d CROSS JOIN sinks AS s ON s.id = d.sink",
            keys: "d.event_id, d.sink, d.step",
            columns: "d.event_id, s.name, d.step, d.attempt, d.at_ms, d.due_ms, d.state, d.reason, d.detail",
            insert: "INSERT INTO deliveries (event_id, sink, step, attempt, at_ms, due_ms, state, reason, detail) \
                SELECT ?1, id, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM sinks WHERE name = ?2",
        },
        Table::DeliveryQueue => Layout {
            file: Store,
            from: "delivery_queue AS q CROSS JOIN sinks AS s ON s.id = q.sink",
            keys: "q.sink, q.due_ms, q.event_id",
            columns: "s.name, q.steps, q.event_id, q.due_ms, q.bytes, q.queued_ms, q.attempts, q.own_failures, \
                q.first_failed_ms, q.alone_failed_ms",
            insert: "INSERT INTO delivery_queue (sink, steps, event_id, due_ms, bytes, queued_ms, attempts, own_failures, \
                first_failed_ms, alone_failed_ms) SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 FROM sinks WHERE name = ?1",
        },
        Table::DeadLetters => Layout {
            file: Store,
            from: "dead_letters AS d CROSS JOIN sinks AS s ON s.id = d.sink",
            keys: "d.sink, d.event_id",
            columns: "s.name, d.steps, d.event_id, d.bytes, d.reason",
            insert: "INSERT INTO dead_letters (sink, steps, event_id, bytes, reason) \
                SELECT id, ?2, ?3, ?4, ?5 FROM sinks WHERE name = ?1",
        },
        Table::DiscardedLetters => Layout {
            file: Store,
            from: "discarded_letters AS d CROSS JOIN sinks AS s ON s.id = d.sink",
            keys: "d.sink, d.event_id",
            columns: "s.name, d.steps, d.event_id, d.bytes, d.reason",
            insert: "INSERT INTO discarded_letters (sink, steps, event_id, bytes, reason) \
                SELECT id, ?2, ?3, ?4, ?5 FROM sinks WHERE name = ?1",
        },
        Table::Trends => Layout {
            file: Store,
            from: "trends",
            keys: "resolution, begin_ms",
            columns: "resolution, begin_ms, figures_json",
            insert: "INSERT INTO trends (resolution, begin_ms, figures_json) VALUES (?1, ?2, ?3)",
        },
        Table::TrendMark => Layout {
            file: Store,
            from: "trend_mark",
            keys: "id",
            columns: "mark_json",
            insert: "INSERT INTO trend_mark (id, mark_json) VALUES (1, ?1)",
        },
        Table::AlertStates => Layout {
            file: Store,
            from: "alert_states",
            keys: "rule, thing",
            columns: "rule, thing, phase_json",
            insert: "INSERT INTO alert_states (rule, thing, phase_json) VALUES (?1, ?2, ?3)",
        },
        Table::AlertMark => Layout {
            file: Store,
            from: "alert_mark",
            keys: "id",
            columns: "mark_json",
            insert: "INSERT INTO alert_mark (id, mark_json) VALUES (1, ?1)",
        },
        Table::AlertNotices => Layout {
            file: Store,
            from: "alert_notices",
            keys: "id",
            columns: "id, notice_json, due_ms, attempts, ended_ms, delivery, error",
            insert: "INSERT INTO alert_notices (id, notice_json, due_ms, attempts, ended_ms, delivery, error) \
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        },
        Table::Tallies => Layout {
            file: Store,
            from: "tallies",
            keys: "id",
            columns: "id, kind, CAST(owner AS BLOB), CAST(label AS BLOB), counts",
            insert: "INSERT INTO tallies (id, kind, owner, label, counts) \
                VALUES (?1, ?2, CAST(?3 AS TEXT), CAST(?4 AS TEXT), ?5)",
        },
        Table::TallyDetails => Layout {
            file: Store,
            from: "tally_details",
            keys: "id",
            columns: "id, oldest_week, json",
            insert: "INSERT INTO tally_details (id, oldest_week, json) VALUES (?1, ?2, ?3)",
        },
        Table::Weeks => Layout {
            file: Store,
            from: "weeks",
            keys: "week",
            columns: "week, state = 'removed', removed_ms, removed_events",
            insert: "INSERT INTO weeks (week, state, batch, events, removed_ms, removed_events, schema) \
                VALUES (?1, iif(?2, 'removed', 'sealed'), 0, ?5, ?3, ?4, ?6)",
        },
    }
}
