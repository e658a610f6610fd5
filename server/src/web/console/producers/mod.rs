//! `/producers`: which events of each source and page arrived, and which did not.

mod forgetting;
mod list;
mod one;
mod strip;
mod verdict;

pub(super) use forgetting::{ask_to_forget, forget};
pub(super) use list::list;
pub(super) use one::one;
