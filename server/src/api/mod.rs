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
pub mod cost;
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
mod producer_list;
mod producers;
mod proof;
mod queues;
mod ready;
mod refused_json;
mod replay;
mod retention;
mod retry;
mod routes;
mod set_aside;
mod sink_queue;
mod sinks;
mod sources;
mod span;
mod sql;
mod timeline;
mod totals;
mod trends;
mod unread_answers;
mod whole_number;

pub use access::{Access, Admin, Caller, Reader};
pub(crate) use access::{check_admin, check_kind, cross_origin};
pub use aggregate::{AGGREGATE, aggregate};
pub use alerts::{ALERTS, alerts};
pub use backfill::{BACKFILL, backfill};
pub(crate) use backfill::{PastEvents, run_backfill};
pub use event::{EVENT, event};
pub use events::{EVENTS, events};
pub use json::{Created, DoneOrBegun, JsonBody, JsonResponse};
pub use keys::{CHANGE_KEY, CREATE_KEY, KEYS, change_key, create_key, keys};
pub use live::{LIVE, live};
pub use metrics::{METRICS, metrics};
pub use params::Params;
pub use places::{Place, Places};
pub(crate) use producer_list::{ProducerList, write_cursor as write_producer_cursor};
pub(crate) use producers::read_after;
pub use producers::{PRODUCERS, producers};
pub use proof::{PROOF, proof};
pub use queues::{QUEUES, queues};
pub(crate) use queues::{QueuesJson as Queues, StageJson, read_queues};
pub(crate) use ready::why_not_ready;
pub use ready::{READY, ready};
pub use replay::{BEGIN_REPLAY, REPLAYS, begin_replay, replays};
pub use retention::{TRUST_CLOCK, trust_clock};
pub use retry::{RETRY, retry};
pub use routes::{ApiHandler, ApiRoute, ApiRoutes, Argument, ChecksCallerFirst};
pub use set_aside::{RETRY_PAYLOAD, SET_ASIDE, retry_payload, set_aside};
pub(crate) use sink_queue::SinkQueueJson;
pub(crate) use sinks::condition as sink_condition;
pub use sinks::{CHECK, PAUSE, RESUME, check, pause, resume};
pub(crate) use sinks::{check_sink, pause_sink};
pub(crate) use sources::forget;
pub use sources::{FORGET_SOURCE, forget_source};
pub use sql::{QUERY, query};
pub use totals::{TOTALS, totals};
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
