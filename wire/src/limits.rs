//! Limits that both ends apply. `tests/wire/limits.json` has the same numbers for other languages.

/// Longest event name, in bytes of UTF-8. The shortest is one byte.
pub const NAME_BYTES_MAX: usize = 200;
/// Longest client-chosen event `id`, in bytes of UTF-8.
pub const ID_BYTES_MAX: usize = 64;
/// Longest `user.id` and `user.anonymous_id`, in UTF-16 units, which is how JavaScript counts.
pub const USER_ID_UNITS_MAX: usize = 1_000;
/// Longest `session`, in bytes of UTF-8.
pub const SESSION_BYTES_MAX: usize = 200;
/// Largest `context` object of one event, in bytes of JSON text.
pub const CONTEXT_BYTES_MAX: usize = 32 * 1024;
/// Largest `monitor` object of one event, in bytes of JSON text.
pub const MONITOR_BYTES_MAX: usize = 8 * 1024;
/// Largest `properties` object of one event, in bytes of JSON text.
pub const PROPERTIES_BYTES_MAX: usize = 32 * 1024;
/// Largest request body as it arrives, compressed or not, in bytes.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Largest request body after decompression, in bytes.
pub const UNPACKED_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most events in one request.
pub const EVENTS_MAX: usize = 1_000;
/// Deepest nesting of arrays and objects in a request body, the outermost value being 1.
pub const DEPTH_MAX: usize = 64;
/// Largest sequence number, 2^32 - 1: a thousand events a second for seven weeks in one page. Sums
/// over any number of producers then fit into 64 bits.
pub const SEQ_MAX: u64 = u32::MAX as u64;
/// Most producers in one batch: the sender's own and a few adopted ones.
pub const PRODUCERS_MAX: usize = 100;
/// Most ranges one producer may declare dropped, per reason, in one batch.
pub const RANGES_MAX: usize = 1_000;
/// Most reasons for which one producer may declare numbers dropped, in one batch.
pub const REASONS_MAX: usize = 64;
/// Longest code of a drop reason, in bytes.
pub const REASON_BYTES_MAX: usize = 32;
/// How many bytes of `keepalive` requests a browser allows in flight at once (Fetch standard,
/// "HTTP-network-or-cache fetch": 64 kibibytes).
pub const KEEPALIVE_BYTES_MAX: usize = 64 * 1024;
