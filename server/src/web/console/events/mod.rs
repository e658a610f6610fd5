//! `/events`: every event that arrived, by filters, with counts, exports and replays of them.

mod counts;
mod list;
mod replay;
pub(super) mod row;
mod views;

pub(super) use counts::show as counts;
pub(super) use list::show as list;
pub(super) use replay::{begin as begin_replay, preview as replay, progress as replays};
pub(super) use views::{delete as delete_view, save as save_view};
