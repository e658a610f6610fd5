//! What the page of completeness tells, against losses that are known.

mod alarms;
mod losses;
mod showing;
mod tab;
