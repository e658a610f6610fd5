//! Moving an installation from one kind of database to another: what is moved, as rows that both
//! kinds can read and write.
//!
//! A [`Table`] is the same on both sides: the same columns in the same order, with values that do
//! not depend on the database ([`Value`]). So a row is moved as it is, and both sides have the same
//! [`Checksum`] if and only if they have the same rows.

mod batch;
mod checksum;
mod part;
mod table;
mod value;

pub use batch::{Batch, Key};
pub use checksum::Checksum;
pub use part::Part;
pub use table::{Shared, Table};
pub use value::{Row, Value};
