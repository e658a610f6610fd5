//! Places of calls: how many calls of each cost class run and wait, in all and for each token.
//!
//! A call that finds no place waits for a while. Calls of one token never take all places, and
//! never stand in front of another token's calls in the queue: each token has a queue of its own,
//! and only as many of it as have a place of the token wait for one of the class.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
// The monotonic clock, not the clock port: it bounds waiting and decides nothing else.
use tokio::time::{Instant, timeout};

use super::cost::{Bounds, CostClass};
use crate::http::problem::Problem;

/// How many tokens are remembered although no call of them runs.
const IDLE_TOKENS_MAX: usize = 256;
/// The longest time to retry after, in seconds.
const RETRY_S_MAX: u32 = 30;

/// The places of all classes.
#[derive(Debug)]
pub struct Places(HashMap<CostClass, Arc<ClassPlaces>>);

/// The place of one call, or of one answer, until it is dropped.
#[derive(Debug)]
pub struct Place {
    _of_token: OwnedSemaphorePermit,
    _of_class: OwnedSemaphorePermit,
    class: Arc<ClassPlaces>,
    since: Instant,
}

impl Drop for Place {
    fn drop(&mut self) {
        let held_ms = u32::try_from(self.since.elapsed().as_millis()).unwrap_or(u32::MAX);
        // An average in which each place counts an eighth.
        let average = |mean: u32| Some(mean - mean / 8 + held_ms / 8);
        let _ = self.class.held_ms.fetch_update(Ordering::Relaxed, Ordering::Relaxed, average);
    }
}

/// The places of one class.
#[derive(Debug)]
struct ClassPlaces {
    bounds: Bounds,
    all: Share,
    tokens: Mutex<HashMap<String, Arc<Share>>>,
    /// For how long a place was held, on average.
    held_ms: AtomicU32,
}

/// Places of a class, in all or for one token.
#[derive(Debug)]
struct Share {
    places: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Share {
    fn new(places: u32, waiting: u32) -> Self {
        let semaphore = |permits| Arc::new(Semaphore::new(permits as usize));
        Self { places: semaphore(places), waiting: semaphore(waiting) }
    }

    fn try_take(&self, count: u32) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_many_owned(count).ok()
    }

    async fn take(&self, count: u32) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_many_owned(count).await.ok()
    }

    fn try_wait(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.waiting).try_acquire_owned().ok()
    }
}

impl Default for Places {
    fn default() -> Self {
        let class = |class: CostClass| {
            let bounds = class.bounds();
            let places = ClassPlaces {
                all: Share::new(bounds.places, bounds.waiting),
                tokens: Mutex::default(),
                held_ms: AtomicU32::new(0),
                bounds,
            };
            (class, Arc::new(places))
        };
        Self(CostClass::ALL.map(class).into())
    }
}

impl Places {
    /// Waits for a place for a call with this token.
    ///
    /// # Errors
    /// A 503 when the class has no place for too long, or too many calls wait already.
    pub async fn take(&self, class: CostClass, token: &str) -> Result<Place, Problem> {
        self.take_many(class, token, 1).await
    }

    /// Waits for `count` places, or for all that one token may have.
    pub(super) async fn take_many(
        &self,
        class: CostClass,
        token: &str,
        count: u32,
    ) -> Result<Place, Problem> {
        let Some(class) = self.0.get(&class) else { return Err(unknown()) };
        let count = count.min(class.bounds.places_per_token);
        let own = class.share_of(token);
        if let Some(of_token) = own.try_take(count)
            && let Some(of_class) = class.all.try_take(count)
        {
            return Ok(class.place(of_token, of_class));
        }
        let Some(_waits) = own.try_wait() else { return Err(class.busy(&own, true)) };
        let Some(_waits_too) = class.all.try_wait() else { return Err(class.busy(&own, false)) };
        let both = async { Some((own.take(count).await?, class.all.take(count).await?)) };
        match timeout(class.bounds.wait_max, both).await {
            Ok(Some((of_token, of_class))) => Ok(class.place(of_token, of_class)),
            _ => Err(class.busy(&own, own.places.available_permits() == 0)),
        }
    }
}

fn unknown() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "no places for this kind of call")
}

impl ClassPlaces {
    fn share_of(&self, token: &str) -> Arc<Share> {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = tokens.get(token) {
            return Arc::clone(share);
        }
        if tokens.len() >= IDLE_TOKENS_MAX {
            let all = self.bounds.places_per_token as usize;
            tokens.retain(|_, it| Arc::strong_count(it) > 1 || it.places.available_permits() < all);
        }
        let Bounds { places_per_token, waiting_per_token, .. } = self.bounds;
        let share = Arc::new(Share::new(places_per_token, waiting_per_token));
        tokens.insert(token.to_owned(), Arc::clone(&share));
        share
    }

    fn place(
        self: &Arc<Self>,
        of_token: OwnedSemaphorePermit,
        of_class: OwnedSemaphorePermit,
    ) -> Place {
        let class = Arc::clone(self);
        Place { _of_token: of_token, _of_class: of_class, class, since: Instant::now() }
    }

    /// When a place is free again, from how long places were held and from how many calls wait.
    fn retry_after_s(&self, own: &Share, of_token: bool) -> u32 {
        let Bounds { places, places_per_token, waiting, waiting_per_token, .. } = self.bounds;
        let (share, places, waiting) = if of_token {
            (own, places_per_token, waiting_per_token)
        } else {
            (&self.all, places, waiting)
        };
        let free = u32::try_from(share.waiting.available_permits()).unwrap_or(0);
        let before = u64::from(waiting.saturating_sub(free)) + 1;
        let ms = u64::from(self.held_ms.load(Ordering::Relaxed)) * before / u64::from(places);
        u32::try_from(ms.div_ceil(1_000)).unwrap_or(u32::MAX).clamp(1, RETRY_S_MAX)
    }

    fn busy(&self, own: &Share, of_token: bool) -> Problem {
        let Bounds { places, places_per_token, waiting, waiting_per_token, noun, .. } = self.bounds;
        let after_s = self.retry_after_s(own, of_token);
        let (who, places, waiting) = if of_token {
            ("this token has", places_per_token, waiting_per_token)
        } else {
            ("the server has", places, waiting)
        };
        let waiting =
            if waiting > 0 { format!(", and {waiting} more that wait") } else { String::new() };
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            format!(
                "{who} as many {noun} as it may have at a time, which is {places}{waiting}: let some \
                 end, or retry after {after_s} s"
            ),
        )
        .retry_after_s(after_s)
    }
}

#[cfg(test)]
mod tests;
