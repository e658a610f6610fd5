//! The rules of applying payloads, once for every database. Pure.
//!
//! A backend applies plans in one transaction, in three steps:
//!
//! 1. it reads what the rules need to know: [`Wanted`] says what that is, [`Known`] holds it;
//! 2. [`decide`] says what applying the plans writes, [`replay()`] what applying them again writes;
//! 3. it writes all of [`Writes`].
//!
//! The rules never see a database, and a backend never decides: a new backend implements rows,
//! ledgers and queues only. Reading and writing in bulk suits an embedded database as well as one
//! that is a network round trip away.

mod arrivals;
mod fan_out;
mod forget;
mod known;
mod ledgers;
mod profiles;
mod replay;
#[cfg(test)]
mod tests;
mod totals_change;
mod writes;

pub use arrivals::decide;
pub use fan_out::fan_out_past;
pub use forget::ForgetWrites;
pub use known::{
    ClientIdKey, ClientIdOwner, Histories, History, Known, LedgerKey, Payloads, StoredLedger,
    Wanted, ledger_keys,
};
pub use profiles::StoredProfile;
pub use replay::{decide as replay, wanted as wanted_for_replay};
pub use totals_change::{SourceChange, TotalsChange};
pub use writes::{
    AppliedPayload, ClientIdWrite, Delivery, LedgerWrite, NewRow, NotStored, ProfileWrite,
    RowProfile, VersionWrite, Writes,
};
