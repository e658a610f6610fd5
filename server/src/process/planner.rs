//! Plans a payload so that a bug in planning fails that payload alone.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;

use super::enrich::Enrichers;
use super::parse::{self, ParseError};
use crate::store::{KeptPayload, PayloadMetadata, Plan, PlannedEvent};
use crate::system::supervisor::panic_message;

/// Turns a payload into a plan. Pure: the same payload always gives the same plan.
pub trait Planner: Send + Sync + 'static {
    /// Decides about every event of a payload.
    ///
    /// # Errors
    /// [`ParseError`], when the payload cannot be read.
    fn plan(
        &self,
        metadata: &PayloadMetadata,
        body: &Bytes,
        attempt: u32,
    ) -> Result<Plan, ParseError>;
}

impl Planner for Enrichers {
    fn plan(
        &self,
        metadata: &PayloadMetadata,
        body: &Bytes,
        attempt: u32,
    ) -> Result<Plan, ParseError> {
        parse::plan(metadata, body, attempt, self)
    }
}

/// A payload could not be planned.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlanError {
    /// It cannot be read.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// Planning it panicked, which is a bug.
    #[error("plan the payload: the planner panicked: {0}")]
    Panic(String),
}

/// Plans a payload. A panic of the planner is returned as an error, so that the other payloads of
/// the batch are not affected.
pub(super) fn plan_payload(
    planner: &dyn Planner,
    metadata: &PayloadMetadata,
    body: &Bytes,
    attempt: u32,
) -> Result<Plan, PlanError> {
    // Planning is pure: a panic leaves no half-changed state behind.
    match catch_unwind(AssertUnwindSafe(|| planner.plan(metadata, body, attempt))) {
        Ok(result) => Ok(result?),
        Err(panic) => Err(PlanError::Panic(panic_message(&*panic).to_owned())),
    }
}

/// The events of a payload as they would be processed now, without enrichment. `None` if it cannot
/// be read.
pub fn events_of(payload: &KeptPayload) -> Option<Vec<PlannedEvent>> {
    let plan = plan_payload(&Enrichers::default(), &payload.metadata, &payload.body, 1);
    plan.ok().map(|plan| plan.events)
}

/// An error with all its causes, for people.
pub(super) fn full_message(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(format!("failed to {error}"), |text, cause| format!("{text}: {cause}"))
}
