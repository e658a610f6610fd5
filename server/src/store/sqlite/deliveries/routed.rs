//! Making deliveries: the hook where an event's row is written.

use std::sync::Arc;

use rusqlite::Connection;

use super::queue;
use super::queue::Line;
use super::sinks::{self, Moved};
use crate::store::routing::has_privacy_mark;
use crate::store::{DeliveryState, DeliveryTicket, EventColumns, Route, RowId};

/// What a row costs in memory beside its texts, roughly, in bytes.
const ROW_BYTES: u64 = 400;

/// Sinks, each with its number.
type Numbered = Arc<Vec<(i64, Route)>>;

/// The sinks there are.
#[derive(Debug, Clone)]
pub(crate) struct Routes(Numbered);

impl Routes {
    /// Writes down that these are the sinks, in one transaction.
    pub(crate) fn set(connection: &mut Connection, routes: Vec<Route>) -> rusqlite::Result<Self> {
        let transaction = connection.transaction()?;
        let numbered = sinks::set(&transaction, routes)?;
        transaction.commit()?;
        Ok(Self(Arc::new(numbered)))
    }

    /// What one transaction queues.
    pub(crate) fn begin(&self) -> Queuing {
        let routes = Arc::clone(&self.0);
        let moved = vec![Moved::default(); routes.len()];
        Queuing { routes, moved }
    }
}

/// The deliveries that one transaction makes.
#[derive(Debug)]
pub(crate) struct Queuing {
    routes: Numbered,
    moved: Vec<Moved>,
}

impl Queuing {
    /// Makes a delivery of a row that was just written for each sink that wants it. One that was made before is left
    /// as it is.
    pub(crate) fn add(
        &mut self,
        connection: &Connection,
        event: RowId,
        columns: &EventColumns,
        now_ms: i64,
    ) -> rusqlite::Result<()> {
        for ((sink, route), moved) in self.routes.iter().zip(&mut self.moved) {
            if !route.wants(columns.kind, &columns.name) {
                continue;
            }
            let is_private = has_privacy_mark(columns.context_json.as_deref());
            let (state, reason) = if is_private {
                let detail =
                    "its user asked by Global Privacy Control that it be passed on to nobody";
                (DeliveryState::Dropped, Some(("gpc", detail)))
            } else {
                (DeliveryState::Queued, None)
            };
            let line = Line {
                event,
                sink: *sink,
                step: 0,
                at_ms: now_ms,
                state,
                attempt: 0,
                due_ms: None,
                reason,
            };
            if !queue::log(connection, &line)? {
                continue;
            }
            if is_private {
                moved.dropped += 1;
                continue;
            }
            let bytes = bytes(columns);
            let ticket = DeliveryTicket { event, queued_ms: now_ms, attempts: 0, steps: 1, bytes };
            queue::push(connection, *sink, &ticket, 0)?;
            moved.waiting += 1;
        }
        Ok(())
    }

    /// Writes the counts. Gives how many deliveries wait more than before.
    pub(crate) fn save(&self, connection: &Connection) -> rusqlite::Result<i64> {
        let mut queued = 0;
        for ((sink, _), moved) in self.routes.iter().zip(&self.moved) {
            if moved.waiting != 0 || moved.dropped != 0 {
                sinks::count(connection, *sink, *moved)?;
                queued += moved.waiting;
            }
        }
        Ok(queued)
    }
}

fn bytes(columns: &EventColumns) -> u64 {
    let texts = [&columns.properties_json, &columns.context_json, &columns.monitor_json];
    let texts: usize = texts.into_iter().flatten().map(String::len).sum();
    (columns.name.len() + texts) as u64 + ROW_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use lamplight_wire::event::Kind;
    use uuid::Uuid;

    fn columns() -> EventColumns {
        EventColumns {
            kind: Kind::Default,
            name: "a".into(),
            ts_ms: None,
            time_ms: 1,
            user_id: None,
            anonymous_id: None,
            session: None,
            properties_json: None,
            context_json: None,
            monitor_json: None,
            enrichment_json: None,
        }
    }

    #[test]
    fn a_row_that_is_written_again_is_owed_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        let schema = include_str!("../../../../migrations/sqlite/store/V3__deliveries.sql");
        connection.execute_batch(schema).unwrap();
        let (only, except) = (Vec::new(), Vec::new());
        let types = vec![Kind::Default];
        let route = Route { sink: "s".into(), kind: "file", types, only, except };
        let routes = Routes::set(&mut connection, vec![route]).unwrap();
        for want in [1, 0] {
            let mut queuing = routes.begin();
            queuing.add(&connection, RowId(Uuid::from_u128(1)), &columns(), 5).unwrap();
            assert_eq!(queuing.save(&connection).unwrap(), want);
        }
        let owed = crate::store::sqlite::deliveries::sink_list::all(&connection).unwrap();
        assert_eq!(owed[0].waiting, 1);
    }
}
