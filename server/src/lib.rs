//! The Lamplight server: durable intake, exact processing, an inspectable table of events.
//!
//! # Path of an event
//!
//! ```text
//! POST ─► intake ─► intake.db: payloads, payload_queue ─► process ─► store.db: events, outcomes, producers ─► api
//!                                                                       └ deliveries, delivery_queue ─► deliver ─► sinks
//! ```
//!
//! 1. **[`intake`]** checks key, limits and shape, appends the raw body exactly as it came, and
//!    responds after the sync.
//! 2. **[`process`]** leases payloads, plans them (pure: bytes in, [`store::Plan`] out), applies
//!    the plans, and settles the payloads.
//! 3. **[`deliver`]** leases what is owed to each of the [`sinks`], sends it and settles it. The
//!    deliveries were created in the transaction that stored the event. A failed delivery is
//!    retried, and one that can never succeed becomes a dead letter.
//! 4. **[`api`]** shows events, how every arrival ended, and which events were made and never
//!    arrived.
//!
//! Stages never import each other. They meet in the traits of [`store`], so each can crash, restart
//! and be tested alone. Only `store/sqlite` speaks SQL. Time and randomness are arguments
//! ([`system::clock`], [`system::entropy`]).
//!
//! # Exactly once across two databases
//!
//! Payloads are in one database and the result of processing in another. Each has one writer, and
//! no transaction spans both. Each payload still counts exactly once:
//!
//! - [`store::Events::apply`] is **one transaction** that writes rows, outcomes, ledgers, counters
//!   and the payload's row in `applied`. For a payload that has that row it does nothing.
//! - Only then [`store::PayloadQueue::settle`] removes the payload from the queue, with the token
//!   of the lease that holds it.
//!
//! A crash before `apply` commits leaves no trace of it. A crash between the two leaves the payload
//! in the queue. It is leased again, and applying it again does nothing. The same holds when the
//! two are a replicated log and PostgreSQL.
//!
//! # Invariants
//!
//! - **I1** A 2xx means that the payload is on disk: [`store::PayloadQueue::stage`] returns after
//!   the sync.
//! - **I2** An event is in `events` at most once: its producer's ledger or `event_ids` decide, and
//!   a unique index asserts it.
//! - **I3** Every staged event ends in exactly one outcome: stored, duplicate or invalid, the last
//!   with a reason.
//! - **I4** Only the current lease can settle: `settle` and `release` change nothing unless the
//!   token holds every ticket.
//! - **I5** Nothing leaves a page's queue before its 2xx. This is the SDK's part. The server's part
//!   is to acknowledge nothing early.
//! - **I6** No later stage delays an earlier one, and no sink another: each has its own queue and
//!   its own workers.
//! - **I7** Every queue, batch, retry, page and buffer has a limit, named where it is used.
#![forbid(unsafe_code)]
#![allow(clippy::doc_markdown, reason = "SQLite and PostgreSQL are names, not code")]

pub mod alerts;
pub mod api;
pub mod app;
pub mod backup;
pub mod cli;
pub mod client;
pub mod config;
pub mod counted;
mod databases;
pub mod deliver;
pub mod error_recorder;
pub mod export;
pub mod figures;
pub mod formats;
pub mod home;
pub mod http;
pub mod intake;
pub mod keys;
pub mod metrics;
pub mod migrate;
pub mod openapi;
pub mod process;
pub mod retention;
pub mod router;
pub mod server;
pub mod sinks;
pub mod store;
pub mod system;
pub mod terminal;
pub mod trends;
pub mod watcher;
pub mod web;
