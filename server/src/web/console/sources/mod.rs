//! `/sources`: where events come from, with which keys, and which names and properties they have.

mod courses;
mod key_table;
pub(super) mod keys;
pub(super) mod list;
pub(super) mod name;
pub(super) mod one;
