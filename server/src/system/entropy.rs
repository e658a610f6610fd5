//! Randomness as an argument, so that tests can repeat it.

use std::cell::RefCell;

use uuid::Uuid;

/// The operating system failed to give random bytes.
#[derive(Debug, thiserror::Error)]
#[error("get random bytes from the operating system")]
pub struct EntropyError(#[source] pub getrandom::Error);

/// A source of random bytes that cannot be guessed.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// When the source fails.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;

    /// A number of 128 random bits.
    ///
    /// # Errors
    /// When the source fails.
    fn bits(&self) -> Result<u128, EntropyError> {
        let mut bytes = [0; 16];
        self.fill(&mut bytes)?;
        Ok(u128::from_be_bytes(bytes))
    }

    /// A `UUIDv7` (RFC 9562) of the time `now_ms`, so that ids sort by time.
    ///
    /// # Errors
    /// When the source fails.
    fn uuid_v7(&self, now_ms: i64) -> Result<Uuid, EntropyError> {
        let mut random = [0; 10];
        self.fill(&mut random)?;
        let ms = u64::try_from(now_ms).unwrap_or(0);
        Ok(uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid())
    }
}

/// The random bytes of the operating system.
///
/// Every request takes some for its ids, so those come from a stock. Keys come from the system
/// itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        if bytes.len() > ID_BYTES_MAX {
            return getrandom::fill(bytes).map_err(EntropyError);
        }
        STOCK.with_borrow_mut(|stock| stock.take(bytes))
    }
}

/// Longest id, in bytes. Keys are longer.
const ID_BYTES_MAX: usize = 16;
/// The system gives this many bytes at once without a pause, in one call.
const STOCK_BYTES: usize = 256;

thread_local! {
    static STOCK: RefCell<Stock> = const { RefCell::new(Stock { bytes: [0; STOCK_BYTES], left: 0 }) };
}

/// Random bytes that nobody has got yet.
struct Stock {
    bytes: [u8; STOCK_BYTES],
    /// How many are left, at the beginning.
    left: usize,
}

impl Stock {
    fn take(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        if self.left < bytes.len() {
            getrandom::fill(&mut self.bytes).map_err(EntropyError)?;
            self.left = STOCK_BYTES;
        }
        self.left -= bytes.len();
        let taken = &mut self.bytes[self.left..][..bytes.len()];
        bytes.copy_from_slice(taken);
        taken.fill(0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_ids_of_any_thread_are_the_same() {
        let draw = || (0..1_000).map(|_| SystemEntropy.bits().unwrap()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(draw)).collect();
        let drawn = threads.into_iter().flat_map(|thread| thread.join().unwrap());
        assert_eq!(drawn.collect::<HashSet<_>>().len(), 4_000);
    }

    #[test]
    fn ids_of_any_length_share_no_bytes_and_leave_none_in_the_stock() {
        let mut stock = Stock { bytes: [0; STOCK_BYTES], left: 0 };
        let mut windows = HashSet::new();
        for length in (1..=ID_BYTES_MAX).cycle().take(1_000) {
            let mut id = vec![0; length];
            stock.take(&mut id).unwrap();
            assert!(stock.bytes[stock.left..].iter().all(|byte| *byte == 0));
            for window in id.windows(8) {
                assert!(windows.insert(window.to_vec()), "seen before: {window:?}");
            }
        }
        assert!(SystemEntropy.fill(&mut []).is_ok());
    }
}
