//! A database, as a migration reads and writes it.

mod begin;
mod cell;
mod installation;
mod lists;
mod profile_keys;
mod read;
pub(crate) mod record;
mod tables;
mod write;

pub use installation::{BeginError, Installation};
pub use record::{Direction, Record};

/// A time as people write it.
pub fn date(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| ms.to_string(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}
