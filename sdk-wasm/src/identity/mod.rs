//! Who an event belongs to: the person and the browser session, both shared by all tabs.

pub mod person;
pub mod session;
