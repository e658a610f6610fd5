//! Times at which something is due.

/// The earliest of `first_ms` and the given times.
pub(crate) fn earliest(mut first_ms: u64, times: &[Option<u64>]) -> u64 {
    for time in times {
        first_ms = first_ms.min(time.unwrap_or(u64::MAX));
    }
    first_ms
}
