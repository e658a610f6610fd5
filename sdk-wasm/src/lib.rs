//! The browser half of Lamplight: an event queue on localStorage that loses nothing, safe with any number of tabs.
//!
//! # Path of an event
//!
//! [`client`] numbers it and writes it into [`queue`], one storage key per event → [`flush`] says when to send →
//! [`batch`] says what → [`send`] reads the answer, [`backoff`] says how long to hold back after a failure. Only a 2xx
//! removes an event from storage. What storage has no room for goes into the overflow, [`block`] by block.
//!
//! Events of pages that are gone are found by [`adopt`]; [`lock`] and [`lease`] see to it that one tab
//! sends them, not all.
//!
//! # Architecture invariants
//!
//! - Nothing here knows a browser, except `browser/` and `bindings`, which exist on wasm32 only. The rest is one
//!   sans-IO [`client::Client`] behind [`ports`].
//! - No key that two tabs write decides whether an event survives. Lock and lease save work; correctness is
//!   single-writer keys, removal after a 2xx, and the server's record of (producer, seq).
//! - Waits are measured by the monotonic clock of this tab alone; no two clocks are compared.
#![forbid(unsafe_code)]

/// A sixth of the standard allocator's size. Events come and go in order, so its list of free blocks stays short.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: lol_alloc::LockedAllocator<lol_alloc::FreeListAllocator> =
    lol_alloc::LockedAllocator::new(lol_alloc::FreeListAllocator::new());

#[cfg(target_arch = "wasm32")]
pub mod bindings;
#[cfg(target_arch = "wasm32")]
pub mod browser;

pub mod adopt;
pub mod backoff;
pub mod batch;
pub mod block;
pub mod client;
pub mod flush;
pub mod keys;
pub mod lag;
pub mod lease;
pub mod lock;
pub mod mark;
pub mod notes;
pub mod options;
pub mod person;
pub mod ports;
pub mod queue;
pub mod send;
pub mod session;
mod text;
