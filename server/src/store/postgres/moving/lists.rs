//! How the tables of ledgers, profiles, deliveries and of the server itself are read and written.

use super::tables::Computed::{ClientIdBucket, Hash, ProducerBucket, Sink};
use super::tables::Fill::{Column, Computed as By};
use super::tables::Layout;
use super::tables::Writing::{Copied, Each};

pub(super) const PRODUCERS: Layout = Layout {
    from: "producers",
    keys: "producer, scope, bucket",
    columns: "producer, scope, source, next, made, received, declared, missing, forgotten, refused, first_heard_ms, \
        last_heard_ms, received_json, dropped_json",
    raw: &[12],
    writing: Copied(&[
        ("producer", Column(0)),
        ("scope", Column(1)),
        ("bucket", By(ProducerBucket(0))),
        ("source", Column(2)),
        ("next", Column(3)),
        ("made", Column(4)),
        ("received", Column(5)),
        ("declared", Column(6)),
        ("missing", Column(7)),
        ("forgotten", Column(8)),
        ("refused", Column(9)),
        ("first_heard_ms", Column(10)),
        ("last_heard_ms", Column(11)),
        ("received_json", Column(12)),
        ("dropped_json", Column(13)),
    ]),
};

pub(super) const SOURCES: Layout = Layout {
    from: "(SELECT source, sum(producers)::bigint AS producers, sum(made)::bigint AS made, \
        sum(received)::bigint AS received, sum(declared)::bigint AS declared, sum(missing)::bigint AS missing \
        FROM sources GROUP BY source) AS sums",
    keys: "source",
    columns: "source, producers, made, received, declared, missing",
    raw: &[],
    writing: Each(
        "INSERT INTO sources (source, lane, producers, made, received, declared, missing) \
         VALUES ($1, 0, $2, $3, $4, $5, $6)",
    ),
};

pub(super) const TOTALS: Layout = Layout {
    from: "(SELECT 1 AS one, sum(stored)::bigint AS stored, sum(duplicates)::bigint AS duplicates, \
        sum(invalid)::bigint AS invalid, sum(unnumbered)::bigint AS unnumbered, sum(made)::bigint AS made, \
        sum(declared)::bigint AS declared, sum(missing)::bigint AS missing FROM totals) AS sums",
    keys: "one",
    columns: "stored, duplicates, invalid, unnumbered, made, declared, missing",
    raw: &[],
    writing: Each(
        "UPDATE totals SET stored = $1, duplicates = $2, invalid = $3, unnumbered = $4, made = $5, declared = $6, \
         missing = $7 WHERE lane = 0",
    ),
};

pub(super) const EVENT_IDS: Layout = Layout {
    from: "event_ids",
    keys: "event_id, source, key_kind, bucket",
    columns: "event_id, source, key_kind, is_refused, id, received_ms",
    raw: &[],
    writing: Copied(&[
        ("event_id", Column(0)),
        ("source", Column(1)),
        ("key_kind", Column(2)),
        ("bucket", By(ClientIdBucket(0, 1))),
        ("is_refused", Column(3)),
        ("id", Column(4)),
        ("received_ms", Column(5)),
    ]),
};

pub(super) const APPLIED: Layout = Layout {
    from: "applied",
    keys: "payload_id",
    columns: "payload_id, applied_ms, attempt, stored, duplicates, invalid",
    raw: &[],
    writing: Copied(&[
        ("payload_id", Column(0)),
        ("applied_ms", Column(1)),
        ("attempt", Column(2)),
        ("stored", Column(3)),
        ("duplicates", Column(4)),
        ("invalid", Column(5)),
    ]),
};

pub(super) const PROFILE_STATES: Layout = Layout {
    from: "profile_states",
    keys: "id",
    columns: "id, key_text, revision, is_empty, week",
    raw: &[],
    writing: Copied(&[
        ("id", Column(0)),
        ("key", By(Hash(1))),
        ("key_text", Column(1)),
        ("revision", Column(2)),
        ("is_empty", Column(3)),
        ("week", Column(4)),
    ]),
};

pub(super) const PROFILE_WORDS: Layout = Layout {
    from: "profile_words",
    keys: "profile, subject, name_hash",
    columns: "profile, said_ms, event_id, subject, name, json",
    raw: &[5],
    writing: Copied(&[
        ("profile", Column(0)),
        ("said_ms", Column(1)),
        ("event_id", Column(2)),
        ("name_hash", By(Hash(4))),
        ("subject", Column(3)),
        ("name", Column(4)),
        ("json", Column(5)),
    ]),
};

pub(super) const SINK_COUNTS: Layout = Layout {
    from: "(SELECT s.id, s.name, coalesce(sum(waiting), 0)::bigint AS waiting, coalesce(sum(sent), 0)::bigint AS sent, \
        coalesce(sum(dead), 0)::bigint AS dead, coalesce(sum(dropped), 0)::bigint AS dropped, \
        coalesce(sum(discarded), 0)::bigint AS discarded \
        FROM sinks AS s LEFT JOIN sink_counts AS c ON c.sink = s.id GROUP BY s.id, s.name \
        HAVING sum(waiting + sent + dead + dropped + discarded) > 0) AS sums",
    keys: "id",
    columns: "name, waiting, sent, dead, dropped, discarded",
    raw: &[],
    writing: Each(
        "INSERT INTO sink_counts (sink, lane, waiting, sent, dead, dropped, discarded) \
         SELECT id, 0, $2, $3, $4, $5, $6 FROM sinks WHERE name = $1",
    ),
};

pub(super) const DELIVERIES: Layout = Layout {
    from: "deliveries AS d JOIN sinks AS s ON s.id = d.sink",
    keys: "d.event_id, d.sink, d.step",
    columns: "d.event_id, s.name, d.step, d.attempt, d.at_ms, d.due_ms, d.state, d.reason, d.detail",
    raw: &[],
    writing: Copied(&[
        ("event_id", Column(0)),
        ("sink", By(Sink(1))),
        ("step", Column(2)),
        ("attempt", Column(3)),
        ("at_ms", Column(4)),
        ("due_ms", Column(5)),
        ("state", Column(6)),
        ("reason", Column(7)),
        ("detail", Column(8)),
    ]),
};

pub(super) const DELIVERY_QUEUE: Layout = Layout {
    from: "delivery_queue AS q JOIN sinks AS s ON s.id = q.sink",
    keys: "q.sink, q.event_id",
    columns: "s.name, q.steps, q.event_id, CASE WHEN q.lease_token IS NULL THEN q.due_ms ELSE 1 END, q.bytes, \
        q.queued_ms, q.attempts, q.own_failures, q.first_failed_ms, q.alone_failed_ms",
    raw: &[],
    writing: Copied(&[
        ("sink", By(Sink(0))),
        ("steps", Column(1)),
        ("event_id", Column(2)),
        ("due_ms", Column(3)),
        ("bytes", Column(4)),
        ("queued_ms", Column(5)),
        ("attempts", Column(6)),
        ("own_failures", Column(7)),
        ("first_failed_ms", Column(8)),
        ("alone_failed_ms", Column(9)),
    ]),
};

pub(super) const DEAD_LETTERS: Layout = Layout {
    from: "dead_letters AS d JOIN sinks AS s ON s.id = d.sink",
    keys: "d.sink, d.event_id",
    columns: "s.name, d.steps, d.event_id, d.bytes, d.reason",
    raw: &[],
    writing: Copied(&[
        ("sink", By(Sink(0))),
        ("steps", Column(1)),
        ("event_id", Column(2)),
        ("bytes", Column(3)),
        ("reason", Column(4)),
    ]),
};

pub(super) const DISCARDED_LETTERS: Layout =
    Layout { from: "discarded_letters AS d JOIN sinks AS s ON s.id = d.sink", ..DEAD_LETTERS };

pub(super) const TRENDS: Layout = Layout {
    from: "trends",
    keys: "resolution, begin_ms",
    columns: "resolution, begin_ms, figures_json",
    raw: &[2],
    writing: Copied(&[
        ("resolution", Column(0)),
        ("begin_ms", Column(1)),
        ("figures_json", Column(2)),
    ]),
};

pub(super) const TREND_MARK: Layout = Layout {
    from: "trend_mark",
    keys: "id",
    columns: "mark_json",
    raw: &[0],
    writing: Each("INSERT INTO trend_mark (id, mark_json) VALUES (1, $1)"),
};

pub(super) const ALERT_STATES: Layout = Layout {
    from: "alert_states",
    keys: "rule, thing",
    columns: "rule, thing, phase_json",
    raw: &[2],
    writing: Copied(&[("rule", Column(0)), ("thing", Column(1)), ("phase_json", Column(2))]),
};

pub(super) const ALERT_MARK: Layout = Layout {
    from: "alert_mark",
    keys: "id",
    columns: "mark_json",
    raw: &[0],
    writing: Each("INSERT INTO alert_mark (id, mark_json) VALUES (1, $1)"),
};

pub(super) const ALERT_NOTICES: Layout = Layout {
    from: "alert_notices",
    keys: "id",
    columns: "id, notice_json, due_ms, attempts, ended_ms, delivery, error",
    raw: &[1],
    writing: Copied(&[
        ("id", Column(0)),
        ("notice_json", Column(1)),
        ("due_ms", Column(2)),
        ("attempts", Column(3)),
        ("ended_ms", Column(4)),
        ("delivery", Column(5)),
        ("error", Column(6)),
    ]),
};

pub(super) const TALLIES: Layout = Layout {
    from: "tallies",
    keys: "id",
    columns: "id, kind, owner, label, counts",
    raw: &[],
    writing: Copied(&[
        ("id", Column(0)),
        ("kind", Column(1)),
        ("owner", Column(2)),
        ("label", Column(3)),
        ("counts", Column(4)),
    ]),
};

pub(super) const TALLY_DETAILS: Layout = Layout {
    from: "tally_details",
    keys: "id",
    columns: "id, oldest_week, json",
    raw: &[2],
    writing: Copied(&[("id", Column(0)), ("oldest_week", Column(1)), ("json", Column(2))]),
};

pub(super) const WEEKS: Layout = Layout {
    from: "weeks",
    keys: "week",
    columns: "week, is_removed, removed_ms, removed_events",
    raw: &[],
    writing: Each(
        "INSERT INTO weeks (week, is_removed, removed_ms, removed_events) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (week) DO UPDATE SET is_removed = excluded.is_removed, removed_ms = excluded.removed_ms, \
         removed_events = excluded.removed_events",
    ),
};
