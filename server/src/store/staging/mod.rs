//! Payloads that wait to be written, and the groups that they are written in. Writers share this
//! whose commits cost much more than a payload.

mod pending;
mod queue;

pub(super) use pending::Pending;
pub(super) use queue::{GroupLimits, Queue};
