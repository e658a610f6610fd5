//! Tallies: counts by minute, hour, day and week, kept in the transactions that store what they
//! count, so that no page has to scan events. Pure.
//!
//! A [`TallyChange`] is what one transaction adds, [`Counts`] is what a tally holds, and
//! [`PropertyFacts`] is what is known of the properties of a name. A backend keeps a row for each
//! tally, and adds changes to it. How many tallies there may be, and how large one may become, is
//! decided in [`TallyKey::admitted`] and in the limits of each type.

mod bytes;
mod change;
mod counts;
mod errors;
mod facts;
mod folding;
mod key;
mod keyed_log;
mod log;
mod names;
mod places;
mod scan;
mod seen;
mod traffic;

pub use change::{TallyChange, counted_rows, occurrence_change, settlement_change};
pub use counts::{Bucket, Counts, Kept, Periods};
pub use errors::{
    ErrorCursor, ErrorGroup, ErrorPage, ErrorQuery, ErrorSample, ErrorStage, Occurrence, SampleKind,
};
pub use facts::{
    EXAMPLES_MAX, FACTS_BYTES_MAX, PATHS_MAX, PropertyFact, PropertyFacts, PropertyType, is_sampled,
};
pub use folding::{Folded, NeededTallies, fold};
pub use key::{GROUPS_MAX, NAMES_MAX, OVERFLOW, TallyKey, TallyKind, TallyOwner};
pub use keyed_log::{KeyedLog, Logged, Wanted, write_keyed};
pub use log::TallyLog;
pub use names::{CatalogueCursor, CatalogueName, CataloguePage, CatalogueQuery, NameProperties};
pub use places::TallyPlaces;
pub use scan::{TallyScan, TallyScanned, repaired};
pub use seen::Seen;
pub use traffic::{SOURCES_MAX, SourceTraffic, Traffic, TrafficCounts, TrafficQuery};
