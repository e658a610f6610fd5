//! The tables whose rows belong to buckets, with the columns that are moved.

use deadpool_postgres::Transaction;
use tokio_postgres::types::Type;

use crate::store::Week;
use crate::store::postgres::apply::rows::{OUTCOME_COLUMNS, OUTCOME_TYPES};
use crate::store::postgres::columns::get;
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::copy::Target;
use crate::store::shard_map::BucketSet;

/// A table, or one for each week.
#[derive(Debug)]
pub(super) struct Moving {
    pub(super) table: &'static str,
    pub(super) columns: &'static str,
    pub(super) types: &'static [Type],
}

impl Moving {
    pub(super) fn into<'a>(&'a self, table: &'a str) -> Target<'a> {
        Target { table, columns: self.columns, types: self.types }
    }

    /// Where a column is.
    pub(super) fn at(&self, column: &str) -> Result<usize, Failure> {
        let at = self.columns.split(", ").position(|name| name == column);
        at.ok_or(Failure::Column("a moved table"))
    }
}

/// Has every column of the table.
pub(super) const EVENTS: Moving = Moving {
    table: "events",
    columns: "id, bucket, payload_index, created_day, received_ms, time_ms, ts_ms, seq, profile_revision, payload_id, \
              producer, type, name, source, user_id, anonymous_id, session, event_id, monitor, context, enrichment, \
              profile, properties",
    types: &[
        Type::UUID,
        Type::INT2,
        Type::INT4,
        Type::INT4,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::UUID,
        Type::UUID,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::JSON,
        Type::JSON,
        Type::JSON,
        Type::JSON,
        Type::JSON,
    ],
};

pub(super) const RUNS: Moving = Moving {
    table: "runs",
    columns: "producer, scope, first, last, first_id, bucket",
    types: &[Type::UUID, Type::TEXT, Type::INT8, Type::INT8, Type::UUID, Type::INT2],
};

pub(super) const VERSIONS: Moving = Moving {
    table: "profile_versions",
    columns: "key, week, revision, base, changed_bytes, json",
    types: &[Type::UUID, Type::INT4, Type::INT8, Type::INT8, Type::INT8, Type::TEXT],
};

pub(super) const DELIVERIES: Moving = Moving {
    table: "deliveries",
    columns: "sink, event_id, step, attempt, at_ms, due_ms, state, reason, detail",
    types: &[
        Type::INT4,
        Type::UUID,
        Type::INT4,
        Type::INT4,
        Type::INT8,
        Type::INT8,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
    ],
};

/// Without the leases: nobody has one.
pub(super) const QUEUE: Moving = Moving {
    table: "delivery_queue",
    columns: "sink, event_id, due_ms, steps, bytes, queued_ms, attempts, own_failures, first_failed_ms, alone_failed_ms",
    types: &[
        Type::INT4,
        Type::UUID,
        Type::INT8,
        Type::INT4,
        Type::INT8,
        Type::INT8,
        Type::INT4,
        Type::INT4,
        Type::INT8,
        Type::INT8,
    ],
};

/// Of dead letters, and of discarded ones.
pub(super) const LETTERS: Moving = Moving {
    table: "dead_letters",
    columns: "sink, event_id, steps, bytes, reason",
    types: &[Type::INT4, Type::UUID, Type::INT4, Type::INT8, Type::TEXT],
};

pub(super) const OUTCOMES: Moving =
    Moving { table: "outcomes", columns: OUTCOME_COLUMNS, types: &OUTCOME_TYPES };

pub(super) const PRODUCERS: Moving = Moving {
    table: "producers",
    columns: "producer, scope, bucket, source, next, made, received, declared, missing, forgotten, refused, \
              first_heard_ms, last_heard_ms, received_json, dropped_json",
    types: &[
        Type::UUID,
        Type::TEXT,
        Type::INT2,
        Type::TEXT,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::TEXT,
        Type::TEXT,
    ],
};

pub(super) const CLIENT_IDS: Moving = Moving {
    table: "event_ids",
    columns: "event_id, source, key_kind, bucket, is_refused, id, received_ms",
    types: &[Type::TEXT, Type::TEXT, Type::INT2, Type::INT2, Type::BOOL, Type::UUID, Type::INT8],
};

/// The weeks that have events.
pub(super) async fn weeks(transaction: &Transaction<'_>) -> Result<Vec<Week>, Failure> {
    let sql = "SELECT week FROM weeks WHERE NOT is_removed ORDER BY week";
    let week = |row: &tokio_postgres::Row| {
        let number = u32::try_from(get::<i32>(row, 0)?).map_err(|_| Failure::Column("week"))?;
        Ok(Week::from_number(number))
    };
    transaction.query(sql, &[]).await?.iter().map(week).collect()
}

/// Buckets as SQL: copies take no parameters.
pub(super) fn list(buckets: &BucketSet) -> String {
    let numbers: Vec<String> = buckets.iter().map(|bucket| bucket.to_string()).collect();
    format!("'{{{}}}'::smallint[]", numbers.join(","))
}
