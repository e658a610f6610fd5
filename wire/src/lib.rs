//! The contract between Lamplight's browser SDK and its server.
//!
//! What both ends must agree on is here and nowhere else: field names, limits, reason codes, how a
//! producer's name is spelled, how a set of sequence numbers is kept, and how a batch is written
//! and read.
//!
//! Writing needs only `String`, so the browser module stays small. Reading typed forms needs the
//! feature `serde`, which only the server turns on.
//!
//! A request body is UTF-8 JSON, compressed with gzip, br or zstd if `Content-Encoding` says so.
//! Without that header, a body that begins with gzip's magic number ([`batch::GZIP_MAGIC`]) is gzip
//! too, so that a page can compress its batches without a CORS preflight.
//!
//! Readers ignore fields they do not know. Fields are only ever added.
//!
//! The golden files in `tests/wire/` are read by the tests of this crate, of the server and of the
//! npm package.
#![forbid(unsafe_code)]

pub mod batch;
pub mod event;
pub mod json;
pub mod limits;
#[cfg(feature = "serde")]
pub mod monitor;
pub mod producer;
pub mod ranges;
pub mod reason;
#[cfg(feature = "serde")]
pub mod time;
#[cfg(feature = "serde")]
pub mod user;

pub use producer::Producer;
pub use ranges::Ranges;

/// The version that this crate writes into the `v` field of a batch.
pub const VERSION: u32 = 1;
