//! A lease: the right to work on something for a while.

/// Names one lease. Nobody else can guess it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseToken(pub u128);

/// The right to finish some work, until a time. Only the current lease can settle (I4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Names it.
    pub token: LeaseToken,
    /// When it ends, in milliseconds since 1970. After that, anyone may lease the work again.
    pub until_ms: i64,
}
