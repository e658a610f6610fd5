//! The files of events, one for each ISO week, and the catalog of them.

pub(crate) mod catalog;
pub(crate) mod files;
pub(crate) mod open;
pub(crate) mod profile_versions;
pub(crate) mod prune;
pub(crate) mod readers;
pub(crate) mod runs;
pub(crate) mod upgrade;
