//! Randomness as an argument, so that tests can repeat it.

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
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(bytes).map_err(EntropyError)
    }
}
