//! The retention task on a clock that jumps, with every backend. Time is an argument.

use std::sync::Arc;

use lamplight_server::retention::{BELIEVE_MS, ClockGuard, Retention, Rules};
use lamplight_server::store::week::WEEK_MS;
use lamplight_server::store::{EventFilter, EventIdentity, EventQuery, Storage};
use lamplight_server::system::clock::SystemClock;

use crate::store::backend::Backend;
use crate::store::sample::{NOW, good, plan_at, shared};

crate::laws!(
    a_clock_that_is_a_year_ahead_deletes_nothing,
    a_jump_that_stays_is_believed_after_a_week,
    an_operator_can_say_that_the_clock_is_right,
    a_clock_that_is_set_back_deletes_nothing,
    before_the_first_known_time_the_newest_event_says_when_it_is,
);

const YEAR_MS: i64 = 52 * WEEK_MS;
const HOUR_MS: i64 = 60 * 60 * 1000;

/// Retention of the events of four weeks, the last of which is now. Everything is kept for 5 weeks.
struct World {
    retention: Retention,
    _backend: Backend,
}

impl World {
    async fn new(backend: Backend) -> Self {
        for week in 0..4_i64 {
            let received_ms = NOW - week * WEEK_MS;
            let number = u128::try_from(week).unwrap() + 1;
            let events = vec![(EventIdentity::ClientId(format!("id-{week}")), good("a"))];
            let plan = plan_at(received_ms, number, events);
            backend.storage.events.apply(shared([plan]), received_ms).await.unwrap();
        }
        let rules =
            Rules { events_days: Some(35), events_bytes: None, payload_days: 35, id_days: 35 };
        let retention = Retention {
            storage: backend.storage.clone(),
            clock: Arc::new(SystemClock),
            clock_guard: Arc::new(ClockGuard::default()),
            rules,
        };
        Self { retention, _backend: backend }
    }

    /// Prunes everything that is due. Returns how many events are left.
    async fn left(&self, now_ms: i64, uptime_ms: i64) -> usize {
        for _ in 0..20 {
            self.retention.round(now_ms, uptime_ms).await.unwrap();
        }
        stored(&self.retention.storage).await
    }

    fn is_in_doubt(&self) -> bool {
        self.retention.clock_guard.known().unwrap().doubt.is_some()
    }
}

async fn stored(storage: &Storage) -> usize {
    let query = EventQuery { filter: EventFilter::default(), after: None, limit: 500 };
    storage.reader.events(query).await.unwrap().events.len()
}

async fn a_clock_that_is_a_year_ahead_deletes_nothing(backend: Backend) {
    let world = World::new(backend).await;
    assert_eq!(world.left(NOW, 0).await, 4);
    assert_eq!(world.left(NOW + YEAR_MS, HOUR_MS).await, 4);
    assert!(world.is_in_doubt());
    assert_eq!(world.left(NOW + YEAR_MS + HOUR_MS, 2 * HOUR_MS).await, 4);
    assert_eq!(world.left(NOW + 3 * HOUR_MS, 3 * HOUR_MS).await, 4, "it was corrected");
    assert!(!world.is_in_doubt());
}

async fn a_jump_that_stays_is_believed_after_a_week(backend: Backend) {
    let world = World::new(backend).await;
    world.left(NOW, 0).await;
    let hours = BELIEVE_MS / HOUR_MS;
    for hour in 1..=hours {
        let left = world.left(NOW + YEAR_MS + hour * HOUR_MS, hour * HOUR_MS).await;
        assert_eq!(left, 4, "after {hour} hours");
    }
    let after_ms = BELIEVE_MS + HOUR_MS;
    assert_eq!(world.left(NOW + YEAR_MS + after_ms, after_ms).await, 0);
}

async fn an_operator_can_say_that_the_clock_is_right(backend: Backend) {
    let world = World::new(backend).await;
    world.left(NOW, 0).await;
    assert_eq!(world.left(NOW + 4 * WEEK_MS, HOUR_MS).await, 4);
    world.retention.clock_guard.trust(NOW + 4 * WEEK_MS);
    assert_eq!(world.left(NOW + 4 * WEEK_MS, HOUR_MS).await, 2, "two weeks are too old");
    assert!(!world.is_in_doubt());
}

async fn a_clock_that_is_set_back_deletes_nothing(backend: Backend) {
    let world = World::new(backend).await;
    world.left(NOW, 0).await;
    assert_eq!(world.left(NOW - YEAR_MS, HOUR_MS).await, 4);
    assert!(world.is_in_doubt());
    assert_eq!(world.left(NOW + 2 * HOUR_MS, 2 * HOUR_MS).await, 4);
    assert!(!world.is_in_doubt(), "coming forward again is no jump");
}

async fn before_the_first_known_time_the_newest_event_says_when_it_is(backend: Backend) {
    let world = World::new(backend).await;
    assert_eq!(world.left(NOW + YEAR_MS, 0).await, 4);
    assert!(world.is_in_doubt());
}
