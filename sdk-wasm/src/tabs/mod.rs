//! How the tabs of one origin share work: one tab sends the events of orphaned producers.
//!
//! [`orphans`] finds other producers' events, [`lock`] and [`lease`] pick the tab that sends them,
//! [`heartbeat`] tells other tabs that a page lives, and [`lag`] stretches the lock's waits where
//! timers run late.

pub mod heartbeat;
pub mod lag;
pub mod lease;
pub mod lock;
pub mod orphans;
