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
mod aggregate;
mod alerts;
mod backfill;
mod body_time;
mod buckets;
mod catalogue;
pub mod cost;
mod errors;
mod event;
mod event_json;
mod events;
mod filter;
mod json;
mod keys;
mod live;
mod metrics;
mod params;
mod payload_json;
mod places;
mod producers;
mod queues;
mod ready;
mod refused_json;
mod replay;
mod retention;
mod retry;
mod routes;
mod set_aside;
mod sinks;
mod sources;
mod span;
mod sql;
mod timeline;
mod totals;
mod traffic;
mod trends;
mod unread_answers;
mod whole_number;

pub use access::{Access, Admin, Caller, Reader};
pub(crate) use access::{check_admin, check_kind, cross_origin};
pub use aggregate::{AGGREGATE, aggregate};
pub use alerts::{ALERTS, alerts};
pub(crate) use alerts::{AlertRuleJson, AlertsJson, read_alerts};
pub use backfill::{BACKFILL, backfill};
pub use buckets::{BucketJson, BucketsJson};
pub(crate) use catalogue::read_cursor as read_catalogue_cursor;
pub use catalogue::{
    CATALOGUE, CatalogueJson, NameJson, PROPERTIES, PropertiesJson, PropertyJson, TypeJson,
    catalogue, properties, read_names, read_properties,
};
pub use errors::{ERRORS, ErrorJson, ErrorsJson, SampleJson, errors, read_errors};
pub use event::{EVENT, event};
pub use events::{EVENTS, events};
pub use json::{Created, DoneOrBegun, JsonBody, JsonResponse};
pub use keys::{CHANGE_KEY, CREATE_KEY, KEYS, change_key, create_key, keys};
pub(crate) use keys::{
    KeyChange, KeyJson, LimitChange, NewKey, apply_key_change, make_key, read_keys,
};
pub use live::{LIVE, live};
pub use metrics::{METRICS, metrics};
pub use params::Params;
pub use places::{Place, Places};
pub use producers::{PRODUCERS, producers};
pub use queues::{QUEUES, queues};
pub(crate) use ready::why_not_ready;
pub use ready::{READY, ready};
pub use replay::{BEGIN_REPLAY, REPLAYS, begin_replay, replays};
pub use retention::{TRUST_CLOCK, trust_clock};
pub use retry::{RETRY, retry};
pub use routes::{ApiHandler, ApiRoute, ApiRoutes, Argument, ChecksCallerFirst};
pub use set_aside::{RETRY_PAYLOAD, SET_ASIDE, retry_payload, set_aside};
pub(crate) use sinks::condition as sink_condition;
pub use sinks::{PAUSE, RESUME, pause, resume};
pub use sources::{FORGET_SOURCE, forget_source};
pub(crate) use sql::run_statement;
pub use sql::{QUERY, query};
pub use totals::{TOTALS, totals};
pub use traffic::{CountsJson, SourceJson, TRAFFIC, TrafficJson, read_traffic, traffic};
pub use trends::{TRENDS, trends};
pub use unread_answers::hold;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full { retry_after_s, .. } | StoreError::Down { retry_after_s } => {
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "not_readable",
                    format!(
                        "the server cannot use its database at the moment: retry after \
                         {retry_after_s} s"
                    ),
                )
                .retry_after_s(retry_after_s)
            }
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
