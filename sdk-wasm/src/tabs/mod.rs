//! How the tabs of one origin share work: one tab sends what the pages that are gone left behind.
//!
//! [`orphans`] finds other producers' events, [`lock`] and [`lease`] pick the tab that sends them,
//! [`heartbeat`] tells the others that a page lives, and [`lag`] stretches the lock's waits where
//! timers run late.

pub mod heartbeat;
pub mod lag;
pub mod lease;
pub mod lock;
pub mod orphans;
