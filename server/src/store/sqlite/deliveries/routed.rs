//! Creating deliveries: the configured sinks, and the first line in the log of each delivery.

use std::sync::Arc;

use rusqlite::{Connection, params};

use super::queue::{self, Line};
use super::sinks;
use crate::store::apply::Delivery;
use crate::store::{DeliveryState, DeliveryTicket, Route, SinkMove};

/// The sinks there are, and their numbers in the database.
#[derive(Debug, Clone, Default)]
pub(crate) struct Routes(Arc<(Vec<Route>, Vec<i64>)>);

impl Routes {
    /// Records that these are the sinks, in one transaction.
    pub(crate) fn set(connection: &mut Connection, routes: Vec<Route>) -> rusqlite::Result<Self> {
        let transaction = connection.transaction()?;
        let numbers = sinks::set(&transaction, &routes)?;
        transaction.commit()?;
        Ok(Self(Arc::new((routes, numbers))))
    }

    /// The routes.
    pub(crate) fn all(&self) -> &[Route] {
        &self.0.0
    }
}

/// How many deliveries were created.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Added {
    pub(crate) queued: i64,
    pub(crate) dropped: i64,
}

/// Creates deliveries. One that exists already stays as it is. `due_ms` is 0 for new events, and a
/// time for past ones, which then leave most of each lease to new events.
pub(crate) fn add(
    connection: &Connection,
    deliveries: &[Delivery],
    routes: &Routes,
    now_ms: i64,
    due_ms: i64,
) -> rusqlite::Result<Added> {
    let numbers = &routes.0.1;
    let mut moved = vec![SinkMove::default(); numbers.len()];
    for Delivery { event, route, state, reason, bytes } in deliveries {
        let Some((sink, moved)) = numbers.get(*route).zip(moved.get_mut(*route)) else { continue };
        let is_queued = *state == DeliveryState::Queued;
        let line = Line {
            event: *event,
            sink: *sink,
            step: 0,
            at_ms: now_ms,
            state: *state,
            attempt: 0,
            due_ms: (is_queued && due_ms > 0).then_some(due_ms),
            reason: *reason,
        };
        if !queue::log(connection, &line)? {
            continue;
        }
        if is_queued {
            let ticket = DeliveryTicket::new(*event, now_ms, 0, 1, *bytes);
            queue::push(connection, *sink, &ticket, due_ms)?;
            moved.waiting += 1;
        } else {
            moved.dropped += 1;
        }
    }
    let mut added = Added::default();
    for (sink, moved) in numbers.iter().zip(moved) {
        if !moved.is_nothing() {
            sinks::count(connection, *sink, moved)?;
            added.queued += moved.waiting;
            added.dropped += moved.dropped;
        }
    }
    Ok(added)
}

/// How many deliveries [`add`] would create.
pub(crate) fn count_new(
    connection: &Connection,
    deliveries: &[Delivery],
    routes: &Routes,
) -> rusqlite::Result<Added> {
    let mut statement = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM deliveries WHERE event_id = ?1 AND sink = ?2 AND step = 0)",
    )?;
    let mut new = Added::default();
    for Delivery { event, route, state, .. } in deliveries {
        let Some(sink) = routes.0.1.get(*route) else { continue };
        let is_known: bool =
            statement.query_row(params![event.0.as_bytes(), sink], |row| row.get(0))?;
        match state {
            _ if is_known => {}
            DeliveryState::Queued => new.queued += 1,
            _ => new.dropped += 1,
        }
    }
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RowId;
    use lamplight_wire::event::Kind;
    use uuid::Uuid;

    #[test]
    fn a_delivery_that_is_made_again_is_owed_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        for schema in [
            include_str!("../../../../migrations/sqlite/store/V3__deliveries.sql"),
            include_str!("../../../../migrations/sqlite/store/V7__delivery_failures.sql"),
            include_str!("../../../../migrations/sqlite/store/V14__discarded.sql"),
        ] {
            connection.execute_batch(schema).unwrap();
        }
        let (only, except) = (Vec::new(), Vec::new());
        let types = vec![Kind::Default];
        let route = Route { sink: "s".into(), kind: "file", types, only, except };
        let routes = Routes::set(&mut connection, vec![route]).unwrap();
        let delivery = Delivery {
            event: RowId(Uuid::from_u128(1)),
            route: 0,
            state: DeliveryState::Queued,
            reason: None,
            bytes: 1,
        };
        for want in [1, 0] {
            assert_eq!(
                add(&connection, std::slice::from_ref(&delivery), &routes, 5, 0).unwrap().queued,
                want
            );
        }
        let owed = super::super::sink_list::all(&connection).unwrap();
        assert_eq!(owed[0].waiting, 1);
    }
}
