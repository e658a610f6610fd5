//! Storage: small traits, the data that crosses them, and the rules that hold for every database.
//!
//! [`PayloadQueue`], [`Archive`] and [`Replays`] keep raw payloads; [`Events`], [`Reader`],
//! [`Keys`] and [`DeliveryQueue`] keep what processing made of them. The two groups never share a
//! transaction, so a backend may keep them on different machines: see "Exactly once across two
//! databases" in [`crate`]. What an arrival becomes, what a replay may change and which sinks are
//! owed an event is decided once, above the databases, in [`apply`]. Every backend passes the same
//! suite (`tests/suite/store`).
//!
//! Methods return boxed futures, so that a backend is chosen when the server starts.

use std::future::Future;
use std::pin::Pin;

mod alert;
mod alerts;
pub mod apply;
mod archive;
mod backfill;
mod bucket;
mod calendar;
mod chunk_counts;
mod database;
mod dead_letter;
mod delivery_ask;
mod delivery_queue;
mod error;
mod event;
pub(crate) mod event_page;
pub(crate) mod event_tally;
mod events;
pub mod fair_share;
mod figure;
pub mod keys;
mod lease;
pub mod ledger;
pub mod ledger_strip;
pub mod ledger_text;
mod live_place;
pub mod moving;
mod opening;
mod outcome;
pub(crate) mod page_budget;
pub mod partial;
mod payload;
mod payload_queue;
mod peers;
mod plan;
pub mod postgres;
mod producer;
mod profile;
mod profile_note;
mod profile_version;
mod profile_word;
mod property;
mod query;
mod queued_bytes;
pub(crate) mod read_class;
mod reader;
mod refused;
mod replays;
mod retention;
pub mod rollup_text;
pub mod routing;
pub mod run;
pub mod saved_views;
pub mod sessions;
mod set_aside;
pub mod shard_map;
pub mod shard_view;
pub mod shards;
mod share;
mod shown_profile;
mod sink_move;
pub mod sqlite;
mod staging;
mod storage;
pub mod stream;
mod tallies;
pub mod tally;
mod totals;
pub mod trend;
mod trends;
mod unprocessed;
mod violation;
pub mod week;
mod worker_slot;
mod writer_limits;

pub use alert::{
    AlertBook, AlertKey, AlertMark, AlertPhase, AlertRound, KeptNotice, NOTICES_MAX, Notice,
    NoticeAttempt, NoticeDelivery, NoticeState,
};
pub use alerts::Alerts;
pub use archive::Archive;
pub use backfill::{BACKFILLED, BackfillAsk, BackfillCount};
pub use calendar::{AHEAD_MS_MAX, Calendar, EventClock, LATE_MS_MAX, Period};
pub use chunk_counts::ChunkCounts;
pub use database::Database;
pub use dead_letter::{DISCARDED, DeadLetter, DeadLetterQuery, DiscardAsk, RESTORED};
pub use delivery_ask::{DeliveryAsk, DeliveryFailures, DeliveryOrder};
pub use delivery_queue::{
    DeliveryEnding, DeliveryQueue, DeliveryState, DeliveryStep, DeliveryTicket, FAILING_MAX,
    LOG_STEPS_MAX, LeasedDelivery, REST_MS_MAX, RETRIED, RETRY_MAX, Reason, RetryAsk, RetryCount,
    STEPS_MAX, SettledDelivery, Settlement, SinkCondition, SinkRow,
};
pub use error::StoreError;
pub(crate) use event::EventIndex;
pub use event::{
    EventFilter, EventPage, EventQuery, EventRef, EventRow, EventTrace, Position, RefusedEvent,
    Repeat, StoredEvent,
};
pub use events::Events;
pub use figure::{Figure, FigureKind};
pub use keys::{Key, KeyKind, KeyRules, Keys};
pub use lease::{Lease, LeaseToken};
pub use live_place::{LivePlace, NoPlace};
pub use opening::Opening;
pub use outcome::Outcome;
pub use payload::{
    Backlog, Encoding, FailedPayload, LeaseAsk, LeasedPayload, NewPayload, PayloadId,
    PayloadMetadata, StreamBacklog, Ticket,
};
pub use payload_queue::PayloadQueue;
pub use peers::{Alone, PeerChanges, Peers};
pub use plan::{
    Applied, EventColumns, EventIdentity, Plan, PlanApplied, PlannedEvent, PlannedOutcome, RowId,
};
pub use producer::{
    Completeness, IN_FLIGHT_MS, LISTED_RANGES_MAX, ProducerCursor, ProducerPage, ProducerQuery,
    ProducerRow, Unarrived,
};
pub use profile::Profile;
pub use profile_note::{ProfileKey, ProfileNote, SaidAt};
pub use profile_version::{LatestVersion, ProfileVersion};
pub use profile_word::{Subject, Word, WordName};
pub use property::{CanonicalJson, PathError, PropertyCondition, PropertyPath};
pub use query::{
    Aggregate, AggregateQuery, COUNTS_MAX, Grouping, LivePosition, LiveTail, RefusedPage,
    RefusedQuery, SqlError, SqlQuery, SqlTable,
};
pub use reader::Reader;
pub use refused::RefusedContent;
pub use replays::{KeptPayload, PayloadSpan, Replay, ReplayId, Replayed, Replays, SpanCount};
pub use retention::{Pruned, RetentionLimits};
pub use routing::{NamePattern, Route};
pub use saved_views::{SavedView, SavedViews};
pub use sessions::{Session, Sessions};
pub use set_aside::{DiscardedSums, ExhaustedPayload, SetAsidePayload, SetAsideSums};
pub use shown_profile::ShownProfile;
pub use sink_move::SinkMove;
pub use storage::Storage;
pub use tallies::Tallies;
pub use tally::{
    Bucket, CatalogueCursor, CatalogueName, CataloguePage, CatalogueQuery, Counts, ErrorCursor,
    ErrorGroup, ErrorPage, ErrorQuery, ErrorSample, ErrorStage, NameProperties, Occurrence,
    PropertyFact, PropertyFacts, PropertyType, SampleKind, SourceTraffic, Traffic, TrafficCounts,
    TrafficQuery,
};
pub use totals::{Forgotten, SourceTotals, Totals};
pub use trend::{
    AHEAD_ROWS_MS, Measured, PRUNED_MAX, Resolution, Rollup, Rollups, Sample, TrendMark,
    TrendQuery, TrendRow,
};
pub use trends::Trends;
pub use unprocessed::{PayloadState, Unprocessed, UnprocessedPayload};
pub use violation::Violation;
pub use week::Week;
pub use worker_slot::WorkerSlot;
pub use writer_limits::WriterLimits;

/// The answer of a backend.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;
