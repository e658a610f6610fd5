//! The browser half of Lamplight: an event queue on localStorage that loses nothing and is safe
//! with any number of tabs.
//!
//! # Path of an event
//!
//! 1. [`client::FirstClient`], or the [`client::FullClient`] that took over, numbers it and writes
//!    it into [`queue`], one storage key per event.
//! 2. [`send::flush`] decides when to send, [`send::batch`] what to send.
//! 3. [`send::response`] classifies the response. Only a 2xx removes an event from storage.
//! 4. [`send::backoff`] decides how long to wait after a failure.
//!
//! [`identity`] provides the person and the session of each event.
//!
//! Two things happen in the full client only. Events that do not fit in storage go into the
//! overflow (`IndexedDB`), one [block](queue::block) at a time. [`tabs`] finds orphaned events and
//! makes sure that one tab sends them, not all.
//!
//! # Architecture invariants
//!
//! - Only `browser/` and `bindings`, which exist on wasm32 only, know a browser. The rest is one
//!   sans-IO [`client`] behind [`ports`].
//! - No key that two tabs write decides whether an event survives. Lock and lease save work;
//!   correctness rests on single-writer keys, removal after a 2xx, and the server's record of
//!   (producer, seq).
//! - Waits are measured by this tab's monotonic clock alone. No two clocks are compared.

/// A sixth of the size of the standard allocator. Events are freed in the order in which they were
/// allocated, so its list of free blocks stays short.
///
/// It has no lock: a page whose stack overflows inside an allocation would leave the lock held, and
/// the next allocation would wait for it without end.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
#[allow(unsafe_code)]
// SAFETY: the module has no shared memory, so only one thread allocates.
static ALLOCATOR: lol_alloc::AssumeSingleThreaded<lol_alloc::FreeListAllocator> =
    unsafe { lol_alloc::AssumeSingleThreaded::new(lol_alloc::FreeListAllocator::new()) };

#[cfg(target_arch = "wasm32")]
pub mod bindings;
#[cfg(target_arch = "wasm32")]
pub mod browser;

pub mod client;
mod due;
pub mod identity;
pub mod keys;
pub mod notes;
pub mod options;
pub mod ports;
pub mod queue;
#[cfg(feature = "full")]
pub mod reports;
pub mod send;
pub mod tabs;
mod text;
