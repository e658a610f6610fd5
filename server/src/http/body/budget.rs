//! A limit on the memory that request bodies take together while they are received and used.
//!
//! No key and no address gets all of it, so one that sends too much does not stop the others. A
//! reserve is kept for small bodies: large ones that fill everything else do not stop them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::http::client_address::{Client, ClientAddress};

/// Largest body that may use the reserve, in bytes. Browsers send at most this much when a page is
/// closed (Fetch standard, "inflight keep-alive bytes").
pub(super) const SMALL_BYTES_MAX: u64 = 64 * 1024;
/// The share of one key, and of an address that many clients may have, in eighths of the memory.
const EIGHTHS_OF_MANY: u64 = 6;
/// The share of one client's address, in eighths of the memory.
const EIGHTHS_OF_ONE: u64 = 2;
/// Shortest time over which the release rate is measured.
const SAMPLE_MS: i64 = 1_000;
/// Longest wait that a client is told.
const RETRY_S_MAX: u64 = 30;

/// Memory that reservations share.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<Mutex<Usage>>);

#[derive(Debug)]
struct Usage {
    general: Pool,
    /// For small bodies only.
    reserve: Pool,
    /// All bytes that were ever released.
    released: u64,
    /// The value of `released` at a time in milliseconds since 1970, from which the rate follows.
    sample: Option<(i64, u64)>,
}

/// Who has a part of the memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    Key(String),
    Address(ClientAddress),
}

/// The largest part of the memory that an owner may have.
#[derive(Debug, Clone)]
struct Share {
    owner: Owner,
    eighths: u64,
}

/// Why there is no memory for a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Exhausted {
    /// All bodies together take too much.
    Everything,
    /// Those of one owner take too much.
    Share(Owner),
}

#[derive(Debug)]
struct Pool {
    bytes_max: u64,
    reserved: u64,
    /// Bytes of each owner that has any.
    by_owner: HashMap<Owner, u64>,
}

impl Pool {
    fn new(bytes_max: u64) -> Self {
        Self { bytes_max, reserved: 0, by_owner: HashMap::new() }
    }

    fn of(&self, owner: &Owner) -> u64 {
        self.by_owner.get(owner).copied().unwrap_or(0)
    }

    fn check(&self, bytes: u64, shares: &[Share]) -> Result<(), Exhausted> {
        for Share { owner, eighths } in shares {
            if self.of(owner).saturating_add(bytes) > self.bytes_max / 8 * eighths {
                return Err(Exhausted::Share(owner.clone()));
            }
        }
        if self.reserved.saturating_add(bytes) > self.bytes_max {
            return Err(Exhausted::Everything);
        }
        Ok(())
    }

    fn add(&mut self, bytes: u64, shares: &[Share]) {
        self.reserved += bytes;
        for Share { owner, .. } in shares {
            match self.by_owner.get_mut(owner) {
                Some(reserved) => *reserved += bytes,
                None => drop(self.by_owner.insert(owner.clone(), bytes)),
            }
        }
    }

    fn subtract(&mut self, bytes: u64, shares: &[Share]) {
        self.reserved -= bytes;
        for Share { owner, .. } in shares {
            if let Some(reserved) = self.by_owner.get_mut(owner) {
                *reserved -= bytes;
                if *reserved == 0 {
                    self.by_owner.remove(owner);
                }
            }
        }
    }
}

impl Budget {
    /// A budget of `bytes_max` for all bodies, and `reserve_bytes_max` more for small ones.
    pub(super) fn new(bytes_max: u64, reserve_bytes_max: u64) -> Self {
        Self(Arc::new(Mutex::new(Usage {
            general: Pool::new(bytes_max),
            reserve: Pool::new(reserve_bytes_max),
            released: 0,
            sample: None,
        })))
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reservation that is still empty, for a body from `client` with the key `key_id`. A key of
    /// a backend (`is_backend`) is secret, so its only address may use all that the key may.
    pub(super) fn reservation(
        &self,
        key_id: &str,
        client: Option<Client>,
        is_backend: bool,
    ) -> Reservation {
        let key = Share { owner: Owner::Key(key_id.to_owned()), eighths: EIGHTHS_OF_MANY };
        let address = client.map(|Client { address, is_shared }| Share {
            owner: Owner::Address(address),
            eighths: if is_shared || is_backend { EIGHTHS_OF_MANY } else { EIGHTHS_OF_ONE },
        });
        let shares = std::iter::once(key).chain(address).collect();
        Reservation { budget: self.clone(), shares, in_reserve: true, bytes: 0 }
    }

    /// When there may be room again: the reserved bytes, divided by the rate at which bytes were
    /// released recently.
    pub(super) fn retry_after_s(&self, exhausted: &Exhausted, now_ms: i64) -> u32 {
        let mut usage = self.usage();
        let reserved = match exhausted {
            Exhausted::Everything => usage.general.reserved + usage.reserve.reserved,
            Exhausted::Share(owner) => usage.general.of(owner) + usage.reserve.of(owner),
        };
        let released = usage.released;
        let (sampled_ms, before) = *usage.sample.get_or_insert((now_ms, released));
        let elapsed_ms = now_ms.saturating_sub(sampled_ms);
        if !(0..SAMPLE_MS).contains(&elapsed_ms) {
            usage.sample = Some((now_ms, released));
        }
        let Ok(elapsed_ms @ 1..) = u64::try_from(elapsed_ms) else { return 1 };
        let bytes_per_s = released.saturating_sub(before).saturating_mul(1_000) / elapsed_ms;
        let seconds = (reserved / bytes_per_s.max(1)).clamp(1, RETRY_S_MAX);
        u32::try_from(seconds).unwrap_or(1)
    }
}

/// Bytes that are reserved in a budget and released when this is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    budget: Budget,
    shares: Vec<Share>,
    /// Whether the bytes are those of the reserve.
    in_reserve: bool,
    bytes: u64,
}

impl Reservation {
    /// Whether `bytes` could be reserved now. It reserves nothing, because a client that only
    /// announces bytes must not take memory from others.
    pub(super) fn check(&self, bytes: u64) -> Result<(), Exhausted> {
        let usage = self.budget.usage();
        if bytes <= SMALL_BYTES_MAX && usage.reserve.check(bytes, &self.shares).is_ok() {
            return Ok(());
        }
        usage.general.check(bytes, &self.shares)
    }

    /// Reserves `bytes` more, or nothing if there are too few.
    pub(super) fn grow(&mut self, bytes: u64) -> Result<(), Exhausted> {
        if bytes == 0 {
            return Ok(());
        }
        let Self { shares, in_reserve, bytes: before, .. } = self;
        let mut usage = self.budget.usage();
        let after = before.saturating_add(bytes);
        if *in_reserve && after <= SMALL_BYTES_MAX && usage.reserve.check(bytes, shares).is_ok() {
            usage.reserve.add(bytes, shares);
            *before = after;
            return Ok(());
        }
        let more = if *in_reserve { after } else { bytes };
        usage.general.check(more, shares)?;
        usage.general.add(more, shares);
        if std::mem::take(in_reserve) {
            usage.reserve.subtract(*before, shares);
        }
        *before = after;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut usage = self.budget.usage();
        let pool = if self.in_reserve { &mut usage.reserve } else { &mut usage.general };
        pool.subtract(self.bytes, &self.shares);
        usage.released += self.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;

    fn client(text: &str) -> Client {
        Client { address: ClientAddress::of(text.parse().unwrap()), is_shared: false }
    }

    /// A large body from the `number`th address.
    fn large(budget: &Budget, key_id: &str, number: u8) -> Reservation {
        budget.reservation(key_id, Some(client(&format!("203.0.113.{number}"))), false)
    }

    #[test]
    fn a_dropped_reservation_can_be_reserved_again() {
        let budget = Budget::new(16 * MIB, 0);
        let (mut one, mut two) = (large(&budget, "a", 1), large(&budget, "b", 1));
        assert!(one.grow(3 * MIB).is_ok() && two.grow(2 * MIB).is_err() && two.grow(MIB).is_ok());
        drop(one);
        assert!(two.grow(3 * MIB).is_ok() && two.grow(1).is_err());
        drop(two);
        let usage = budget.usage();
        assert!(usage.general.by_owner.is_empty() && usage.reserve.by_owner.is_empty());
        assert_eq!((usage.general.reserved, usage.reserve.reserved), (0, 0));
    }

    #[test]
    fn no_address_gets_more_than_a_quarter_and_no_key_more_than_three() {
        let budget = Budget::new(64 * MIB, 16 * MIB);
        let mut held = Vec::new();
        for number in 0..8 {
            for _ in 0..64 {
                let mut body = large(&budget, "wk_1", number);
                if body.grow(MIB).is_ok() {
                    held.push(body);
                }
            }
            assert_eq!(held.len(), 16 * usize::from(number + 1).min(3), "address {number}");
        }
        let mut other = large(&budget, "wk_2", 100);
        assert!(other.grow(16 * MIB).is_ok(), "other keys still have their part");
        assert_eq!(
            other.grow(1),
            Err(Exhausted::Share(Owner::Address(client("203.0.113.100").address)))
        );
    }

    #[test]
    fn large_bodies_that_take_everything_leave_the_reserve_to_small_ones() {
        let budget = Budget::new(64 * MIB, 16 * MIB);
        let mut held = Vec::new();
        for number in 0..255 {
            let mut body = large(&budget, &format!("wk_{number}"), number);
            while body.grow(SMALL_BYTES_MAX).is_ok() {}
            held.push(body);
        }
        let general = budget.usage().general.reserved;
        assert!(general > 63 * MIB, "{general}");
        let mut small = large(&budget, "wk_300", 255);
        assert!(small.check(SMALL_BYTES_MAX).is_ok() && small.grow(SMALL_BYTES_MAX).is_ok());
        assert_eq!(small.grow(1), Err(Exhausted::Everything), "it is large now");
    }

    #[test]
    fn the_address_of_a_backend_or_a_proxy_gets_as_much_as_a_key() {
        let budget = Budget::new(64 * MIB, 0);
        for (is_shared, is_backend) in [(true, false), (false, true)] {
            let client = Client { is_shared, ..client("10.0.0.7") };
            let mut body = budget.reservation("sk_1", Some(client), is_backend);
            assert!(body.grow(48 * MIB).is_ok() && body.grow(1).is_err());
        }
    }

    #[test]
    fn the_wait_follows_from_the_rate_of_releases() {
        let budget = Budget::new(800, 0);
        let mut held = [0, 1, 2, 3].map(|number| large(&budget, "a", number));
        for body in &mut held {
            body.grow(100).unwrap();
        }
        let wait = |now_ms| budget.retry_after_s(&Exhausted::Everything, now_ms);
        assert_eq!(wait(10_000), 1, "no rate is known yet");
        for _ in 0..4 {
            large(&budget, "b", 9).grow(10).unwrap();
        }
        assert_eq!(wait(11_000), 10);
        assert_eq!(wait(12_000), 30, "nothing is released");
        assert_eq!(wait(5_000), 1, "the clock was set back");
    }

    proptest! {
        #[test]
        fn reservations_keep_to_every_limit_and_leave_nothing(
            steps in prop::collection::vec((0usize..6, 0u64..200_000, any::<bool>()), 0..200)
        ) {
            let budget = Budget::new(MIB, MIB / 4);
            let new = |at: usize| large(&budget, &format!("wk_{}", at % 2), u8::try_from(at % 3).unwrap());
            let mut bodies: Vec<Reservation> = (0..6).map(new).collect();
            for (at, bytes, ends) in steps {
                if ends {
                    bodies[at] = new(at);
                }
                let before = bodies[at].bytes;
                let fits = bodies[at].check(bytes).is_ok();
                let grown = bodies[at].grow(bytes);
                prop_assert_eq!(bodies[at].bytes, before + if grown.is_ok() { bytes } else { 0 });
                prop_assert!(before > 0 || fits == grown.is_ok());
                let usage = budget.usage();
                for pool in [&usage.general, &usage.reserve] {
                    prop_assert!(pool.reserved <= pool.bytes_max);
                    for (owner, bytes) in &pool.by_owner {
                        let eighths = if matches!(owner, Owner::Key(_)) { 6 } else { 2 };
                        prop_assert!(*bytes > 0 && *bytes <= pool.bytes_max / 8 * eighths);
                    }
                }
                let held: u64 = bodies.iter().map(|body| body.bytes).sum();
                prop_assert_eq!(usage.general.reserved + usage.reserve.reserved, held);
            }
            bodies.clear();
            prop_assert!(budget.usage().general.by_owner.is_empty());
        }
    }
}
