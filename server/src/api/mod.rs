//! The JSON API: events, the outcome of every arrival, events that never arrived, and the calls
//! that operate the server.
//!
//! Every call needs `Authorization: Bearer` with an admin or viewer token ([`Admin`], [`Reader`]).
//! Reads never delay a write, and calls of one [cost class](cost::CostClass) never wait for those
//! of another.
#![allow(clippy::missing_errors_doc, reason = "the error of a handler is its answer, a problem")]

use http::StatusCode;

use crate::http::problem::Problem;
use crate::store::StoreError;

mod access;
pub(crate) mod aggregate;
mod alerts;
mod backfill;
mod body_time;
mod buckets;
mod catalogue;
mod chunks;
pub mod cost;
mod dead_letters;
mod errors;
mod event;
mod event_json;
pub(crate) mod events;
mod export;
pub(crate) mod filter;
mod json;
mod keys;
pub(crate) mod live;
pub(crate) mod live_stream;
mod metrics;
pub(crate) mod params;
pub(crate) mod partial;
mod payload_json;
mod places;
mod producer_list;
mod producers;
mod proof;
mod queues;
mod ready;
mod refused_json;
pub(crate) mod replay;
mod restored;
mod retention;
mod retry;
mod routes;
pub(crate) mod sender;
mod set_aside;
mod sink_queue;
mod sinks;
mod sources;
pub(crate) mod span;
mod sql;
pub(crate) mod timeline;
mod totals;
mod trace;
mod traffic;
mod trends;
mod unread_answers;
mod verb;
pub(crate) mod views;
pub(crate) mod waiting;
mod whole_number;

pub use access::{Access, Admin, Caller, Reader};
pub(crate) use access::{check_admin, check_kind, cross_origin};
pub use aggregate::{AGGREGATE, aggregate};
pub use alerts::{ALERTS, alerts};
pub(crate) use alerts::{AlertRuleJson, AlertsJson, read_alerts};
pub use backfill::{BACKFILL, backfill};
pub(crate) use backfill::{PastEvents, run_backfill};
pub use buckets::{BucketJson, BucketsJson};
pub(crate) use catalogue::read_cursor as read_catalogue_cursor;
pub use catalogue::{
    CATALOGUE, CatalogueJson, NameJson, PROPERTIES, PropertiesJson, PropertyJson, TypeJson,
    catalogue, properties, read_names, read_properties,
};
pub(crate) use dead_letters::read_dead_letters;
pub use dead_letters::{DEAD_LETTERS, DISCARD, RESTORE, dead_letters, discard, restore};
pub(crate) use errors::read_cursor as read_error_cursor;
pub use errors::{ERRORS, ErrorJson, ErrorsJson, SampleJson, errors, read_errors};
pub use event::{EVENT, event};
pub use events::{EVENTS, events};
pub use export::{EXPORT, export};
pub use json::{Created, DoneOrBegun, JsonBody, JsonResponse};
pub use keys::{CHANGE_KEY, CREATE_KEY, KEYS, change_key, create_key, keys};
pub(crate) use keys::{
    KeyChange, KeyJson, LimitChange, NewKey, apply_key_change, make_key, read_keys,
};
pub use live::{LIVE, live};
pub use metrics::{METRICS, metrics};
pub use params::Params;
pub use places::{Place, Places};
pub(crate) use producer_list::{ProducerList, write_cursor as write_producer_cursor};
pub(crate) use producers::read_after;
pub use producers::{PRODUCERS, producers};
pub use proof::{PROOF, proof};
pub use queues::{QUEUES, queues};
pub(crate) use queues::{QueuesJson as Queues, StageJson, StreamJson, read_queues};
pub(crate) use ready::why_not_ready;
pub use ready::{READY, ready};
pub use replay::{BEGIN_REPLAY, REPLAYS, begin_replay, replays};
pub(crate) use restored::{RestoredGap, restored_gaps};
pub use retention::{TRUST_CLOCK, trust_clock};
pub use retry::{RETRY, retry};
pub use routes::{ApiHandler, ApiRoute, ApiRoutes, Argument, ChecksCallerFirst};
pub(crate) use set_aside::read_set_aside;
pub use set_aside::{
    DISCARD_PAYLOAD, RESTORE_PAYLOAD, RETRY_PAYLOAD, SET_ASIDE, discard_payload, restore_payload,
    retry_payload, set_aside,
};
pub(crate) use sink_queue::SinkQueueJson;
pub(crate) use sinks::condition as sink_condition;
pub use sinks::{CHECK, PAUSE, RESUME, check, pause, resume};
pub(crate) use sinks::{check_sink, pause_sink};
pub(crate) use sources::forget;
pub use sources::{FORGET_SOURCE, forget_source};
pub(crate) use sql::run_statement;
pub use sql::{QUERY, query};
pub use totals::{TOTALS, totals};
pub(crate) use trace::{Trace, read_trace};
pub use traffic::{CountsJson, SourceJson, TRAFFIC, TrafficJson, read_traffic, traffic};
pub use trends::{TRENDS, trends};
pub use unread_answers::hold;
pub(crate) use verb::Verb;
pub use views::{DELETE_VIEW, SAVE_VIEW, VIEWS, delete_view, save_view, views};

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full { retry_after_s, .. }
            | StoreError::Down { retry_after_s }
            | StoreError::Moving { retry_after_s } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "not_readable",
                format!(
                    "the server cannot use its database at the moment: retry after \
                         {retry_after_s} s"
                ),
            )
            .retry_after_s(retry_after_s),
            StoreError::TooSlow { time_max, .. } => {
                let seconds = u32::try_from(time_max.as_secs()).unwrap_or(u32::MAX);
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "too_slow",
                    format!(
                        "this read took longer than {seconds} s and was stopped: narrow it down with \
                         `from` and `to`, or retry after {seconds} s, when the disk may be less busy"
                    ),
                )
                .retry_after_s(seconds)
            }
            error => Self::internal(&error),
        }
    }
}
