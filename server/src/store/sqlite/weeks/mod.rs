//! The files of events, one for each ISO week, and which of them there are.

pub(crate) mod catalog;
pub(crate) mod files;
pub(crate) mod open;
pub(crate) mod prune;
pub(crate) mod readers;
pub(crate) mod runs;
pub(crate) mod upgrade;
