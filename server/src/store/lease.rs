//! Leases: the right to work on something for a limited time.

/// Identifies one lease. It is random, so nobody else can guess it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseToken(pub u128);

/// The right to finish some work until a time. Only the current lease can settle (I4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Its id.
    pub token: LeaseToken,
    /// When it expires, in milliseconds since 1970. After that, any worker may lease the work
    /// again.
    pub until_ms: i64,
}
