//! Creating deliveries: the configured sinks, and the first line in the log of each delivery.

use std::sync::{Arc, OnceLock};

use deadpool_postgres::Transaction;

use super::log::{self, Line};
use super::queue::{self, Pushed};
use super::sinks;
use crate::store::apply::Delivery;
use crate::store::postgres::connection::database::Database;
use crate::store::postgres::connection::failure::Failure;
use crate::store::{DeliveryState, Route, SinkMove};

/// The routes of the configuration, each with the number of its sink. None are known before they
/// are set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Routes(Arc<OnceLock<(Vec<Route>, Vec<i32>)>>);

/// How many deliveries were added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Added {
    /// Queued.
    pub(crate) queued: i64,
    /// Dropped at once.
    pub(crate) dropped: i64,
}

impl Routes {
    /// Makes these the sinks that events are owed to from now on. Sinks that were stopped continue.
    pub(crate) async fn set(&self, database: &Database, routes: Vec<Route>) -> Result<(), Failure> {
        let routes = Arc::new(routes);
        let given = Arc::clone(&routes);
        let numbers = database.transaction(move |transaction| {
            let routes = Arc::clone(&given);
            Box::pin(async move { sinks::set(transaction, &routes).await })
        });
        let numbers = numbers.await?;
        self.0.get_or_init(|| (Arc::unwrap_or_clone(routes), numbers));
        Ok(())
    }

    /// The routes, in the order of the numbers.
    pub(crate) fn all(&self) -> &[Route] {
        self.0.get().map_or(&[], |(routes, _)| routes)
    }

    /// The number of the sink that the route at this position has.
    pub(super) fn number_at(&self, at: usize) -> Option<i32> {
        self.0.get()?.1.get(at).copied()
    }

    /// The number of a sink. It never changes.
    pub(super) async fn number(
        &self,
        transaction: &Transaction<'_>,
        sink: &str,
    ) -> Result<Option<i32>, Failure> {
        let at = self.all().iter().position(|route| route.sink == sink);
        match at.and_then(|at| self.number_at(at)) {
            Some(number) => Ok(Some(number)),
            None => sinks::find(transaction, sink).await,
        }
    }
}

/// Adds deliveries, unless the log of one has a line already. Each is due at `due_ms`: 0 for new
/// events, and a time for past ones, which then leave most of each lease to new events. The events
/// are there: one whose week was removed gets none.
pub(crate) async fn add(
    transaction: &Transaction<'_>,
    deliveries: &[Delivery],
    routes: &Routes,
    now_ms: i64,
    due_ms: i64,
) -> Result<Added, Failure> {
    let numbered = |it: &'_ Delivery| routes.number_at(it.route);
    let lines: Vec<_> = deliveries
        .iter()
        .filter_map(|it| Some((numbered(it)?, it)))
        .map(|(sink, it)| {
            let is_due = it.state == DeliveryState::Queued && due_ms > 0;
            Line {
                event: it.event,
                sink,
                step: 0,
                state: it.state,
                attempt: 0,
                due_ms: is_due.then_some(due_ms),
                reason: it.reason,
            }
        })
        .collect();
    let mut new = log::append(transaction, &lines.iter().collect::<Vec<_>>(), now_ms).await?;
    let (mut pushed, mut added) = (Vec::with_capacity(new.len()), Added::default());
    let mut changes = std::collections::BTreeMap::<i32, SinkMove>::new();
    for delivery in deliveries {
        let Delivery { event, state, bytes, .. } = delivery;
        let Some(sink) = numbered(delivery) else { continue };
        if !new.remove(&(event.0, sink)) {
            continue;
        }
        let moved = changes.entry(sink).or_default();
        if *state == DeliveryState::Queued {
            pushed.push(Pushed { sink, event: *event, due_ms, bytes: *bytes, steps: 1 });
            moved.waiting += 1;
            added.queued += 1;
        } else {
            moved.dropped += 1;
            added.dropped += 1;
        }
    }
    queue::push(transaction, &pushed, now_ms).await?;
    sinks::count(transaction, &changes.into_iter().collect::<Vec<_>>()).await?;
    Ok(added)
}

/// How many deliveries [`add`] would create, all to one sink.
pub(super) async fn count_new(
    snapshot: &Transaction<'_>,
    deliveries: &[Delivery],
    sink: i32,
) -> Result<Added, Failure> {
    let events: Vec<_> = deliveries.iter().map(|it| it.event.0).collect();
    let known = log::known(snapshot, &events, sink).await?;
    let mut new = Added::default();
    for delivery in deliveries.iter().filter(|it| !known.contains(&it.event.0)) {
        match delivery.state {
            DeliveryState::Queued => new.queued += 1,
            _ => new.dropped += 1,
        }
    }
    Ok(new)
}
