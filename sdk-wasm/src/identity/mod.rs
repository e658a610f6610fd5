//! Who an event belongs to: the person and the browser session, which all tabs share.

pub mod person;
pub mod session;
