//! Statements that look at events: along one index, or at rows with certain ids. Each returns rows
//! of one week only, so it reads one partition.
//!
//! A statement names the value that it seeks in a row comparison, and orders by it. So no other
//! index gives the rows in the order, and the planner has no choice that reads more.

use std::fmt::Write as _;

use uuid::Uuid;

use super::statement::Statement;
use crate::store::postgres::columns::producer_uuid;
use crate::store::postgres::text::kept;
use crate::store::shard_view::ShardView;
use crate::store::{EventFilter, EventIndex, RowId, Week};

/// Ids from the first to before the second.
pub(crate) type Span = (Uuid, Uuid);

/// The ids of a week in which `filter` may find rows, before `after` if that is there.
pub(crate) fn span(filter: &EventFilter, week: Week, after: Option<RowId>) -> Span {
    let at = |ms| crate::store::week::first_row_at(ms).0;
    let begin = week.first_row().0.max(filter.from_ms.map_or(Uuid::nil(), at));
    let next = Week::from_number(week.number().saturating_add(1)).first_row().0;
    let end = next.min(filter.to_ms.map_or(Uuid::max(), at));
    (begin, end.min(after.map_or(Uuid::max(), |after| after.0)))
}

/// A statement that returns `columns` of the next rows along the best index, last first, and after
/// them whether the conditions of `filter` hold that can be tested here.
pub(crate) fn along_index(
    columns: &str,
    filter: &EventFilter,
    span: Span,
    rows_max: u32,
) -> Statement {
    let mut statement = Statement::default();
    let index = filter.index();
    let tests = tests(&mut statement, filter, index);
    let (from, to) = (statement.bind(span.0), statement.bind(span.1));
    // The bounds by themselves choose the partition.
    let mut seek = format!("id >= {from} AND id < {to}");
    let mut order = String::new();
    let mut along = |statement: &mut Statement, key: &str, value: &str, also: &str| {
        let value_at = statement.bind(kept(value).into_owned());
        let value = if index == EventIndex::User {
            format!("left({value_at}::text, 200)")
        } else {
            format!("{value_at}::text")
        };
        let _ = write!(
            seek,
            " AND ({key}, id) >= ({value}, {from}) AND ({key}, id) < ({value}, {to}){also}"
        );
        order = format!("{key} DESC, ");
    };
    match index {
        EventIndex::Id => {}
        EventIndex::User => {
            let user = filter.user.as_deref().unwrap_or_default();
            along(&mut statement, "left(user_id, 200)", user, " AND user_id IS NOT NULL");
        }
        EventIndex::Name => {
            along(&mut statement, "name", filter.name.as_deref().unwrap_or_default(), "");
        }
        EventIndex::Kind => {
            let kind = filter.kind.map(lamplight_wire::event::Kind::name).unwrap_or_default();
            along(&mut statement, "type", kind, " AND type <> 'default'");
        }
    }
    statement.sql = format!(
        "SELECT {columns}, ({tests}) FROM events WHERE {seek} ORDER BY {order}id DESC LIMIT {rows_max}"
    );
    statement
}

/// The same for rows with these ids, in any order.
pub(crate) fn of_ids(columns: &str, filter: &EventFilter, ids: Vec<Uuid>) -> Statement {
    let mut statement = Statement::default();
    let tests = tests(&mut statement, filter, EventIndex::Id);
    let first = ids.iter().min().copied().unwrap_or_default();
    let last = ids.iter().max().copied().unwrap_or_default();
    let (first, last) = (statement.bind(first), statement.bind(last));
    let ids = statement.bind(ids);
    // The bounds choose the partition also in a plan that was made without the values.
    statement.sql = format!(
        "SELECT {columns}, ({tests}) FROM events WHERE id = ANY({ids}) AND id BETWEEN {first} AND {last}"
    );
    statement
}

/// The same for rows in spans of ids, both ends included, in the order of the spans and of the ids,
/// with the place of the span, from 1, as the first column.
pub(crate) fn of_spans(columns: &str, filter: &EventFilter, spans: &[(RowId, RowId)]) -> Statement {
    let mut statement = Statement::default();
    let tests = tests(&mut statement, filter, EventIndex::Id);
    let firsts = statement.bind(spans.iter().map(|(first, _)| first.0).collect::<Vec<_>>());
    let lasts = statement.bind(spans.iter().map(|(_, last)| last.0).collect::<Vec<_>>());
    statement.sql = format!(
        "SELECT span.place, found.* FROM unnest({firsts}::uuid[], {lasts}::uuid[]) \
         WITH ORDINALITY AS span (first, last, place) CROSS JOIN LATERAL \
         (SELECT {columns}, ({tests}) FROM events WHERE id BETWEEN span.first AND span.last ORDER BY id) AS found \
         ORDER BY 1, 2"
    );
    statement
}

/// The conditions of `filter` that an index does not answer, and that are not about properties.
fn tests(statement: &mut Statement, filter: &EventFilter, index: EventIndex) -> String {
    let mut tests = Vec::new();
    let mut test = |column: &str, value: String| tests.push(format!("{column} {value}"));
    if let Some(producer) = filter.producer {
        test(
            "producer",
            format!("IS NOT DISTINCT FROM {}", statement.bind(producer_uuid(producer))),
        );
    }
    // The index has only the beginning of a user's id.
    let columns = [
        ("user_id", &filter.user, false),
        ("name", &filter.name, index == EventIndex::Name),
        ("source", &filter.source, false),
    ];
    for (column, value, is_answered) in columns {
        if let Some(value) = value.as_deref().filter(|_| !is_answered) {
            test(column, format!("= {}", statement.bind(kept(value).into_owned())));
        }
    }
    if let Some(kind) = filter.kind.filter(|_| index != EventIndex::Kind) {
        test("type", format!("= {}", statement.bind(kind.name())));
    }
    if let Some(from_ms) = filter.happened_from_ms {
        test("time_ms", format!(">= {}", statement.bind(from_ms)));
    }
    if let Some(to_ms) = filter.happened_to_ms {
        test("time_ms", format!("< {}", statement.bind(to_ms)));
    }
    // Another shard shows them.
    if let Some(hidden) = ShardView::hidden_of_read() {
        test("bucket", format!("<> ALL ({})", statement.bind(hidden.buckets.to_vec())));
    }
    if tests.is_empty() {
        "true".to_owned()
    } else {
        format!("coalesce({}, false)", tests.join(" AND "))
    }
}
