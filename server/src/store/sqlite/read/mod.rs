//! Every question that storage answers. Each reads along an index, over a limited number of rows.

pub(crate) mod aggregate;
pub(crate) mod event_pages;
pub(crate) mod events;
pub(crate) mod live;
pub(crate) mod producers;
#[cfg(test)]
mod query_plans;
pub(crate) mod refused;
pub(crate) mod trace;
pub(crate) mod user_sql;
