//! What the core needs from its environment. `browser/` implements it for browsers,
//! `tests/native/simulation/` for the simulation.

use lamplight_wire::Producer;

/// Why storage refused a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageError {
    /// The origin's quota is used up.
    QuotaExceeded,
    /// There is no storage here: a sandboxed frame, a private mode, or a policy.
    Blocked,
}

/// The origin's `localStorage`, or a model of it.
///
/// It only has to behave as real browsers do: a tab sees its own writes at once and those of others
/// later; one tab's writes arrive in order; the last arrival wins per key; all copies converge.
pub trait Storage {
    /// The value under `key`, as this tab's copy has it.
    fn get(&self, key: &str) -> Option<String>;
    /// The length of the value under `key` in characters, without copying it; 0 when there is none.
    fn size(&self, key: &str) -> usize;
    /// Writes `value` under `key`.
    ///
    /// # Errors
    /// [`StorageError`] when the value was refused; the old value then stays.
    fn set(&mut self, key: &str, value: &str) -> Result<(), StorageError>;
    /// Removes `key`. If this tab's copy does not have the key, it may stay in other copies.
    fn remove(&mut self, key: &str);
    /// All keys that begin with `prefix`, in any order.
    fn keys(&self, prefix: &str) -> Vec<String>;
    /// The total length in characters of all keys that begin with `prefix` and not with `own`, and
    /// of their values.
    fn size_excluding(&self, prefix: &str, own: &str) -> usize {
        let others = self.keys(prefix).into_iter().filter(|key| !key.starts_with(own));
        others.map(|key| key.len() + self.size(&key)).sum()
    }
}

/// Two kinds of time.
pub trait Clock {
    /// Milliseconds since 1970. May jump, so it is only written into events, batches and the
    /// session.
    fn wall_ms(&self) -> u64;
    /// Milliseconds since some start, never going backwards. Every wait is measured by it.
    fn monotonic_ms(&self) -> u64;
}

/// Randomness that is good enough for producers' names.
pub trait Rng {
    /// 32 random bits.
    fn random_bits(&mut self) -> u32;
}

/// Whether a request should outlive its page, with `fetch`'s `keepalive`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keepalive {
    /// It ends with the page.
    No,
    /// It does if its body, compressed, has at most [`SMALL_BYTES_MAX`] bytes.
    IfSmall,
    /// It does. Its body is not compressed: there may be no later task to send it in.
    Yes,
}

/// Most bytes of a request that may outlive the page although the page is not known to close. It
/// avoids sending the last events before a navigation twice.
pub const SMALL_BYTES_MAX: u32 = 16 * 1024;

/// Sends requests. `Client::answered` takes the response.
pub trait Transport {
    /// Starts a POST of `body`.
    fn send(&mut self, request: u32, body: String, keepalive: Keepalive);
    /// How many bytes of a request have been sent so that it outlives the page. 0 if it does not,
    /// or has not been sent yet.
    fn outliving_bytes(&self, request: u32) -> usize;
    /// Cancels a request. Its response is not reported any more.
    fn abort(&mut self, request: u32);
}

/// Reports which producers' pages are alive, where the browser can (Web Locks).
pub trait Liveness {
    /// Holds the Web Lock of `producer` as long as the page lives, or until
    /// [`Liveness::release_lock`].
    fn hold_lock(&mut self, producer: Producer);
    /// Releases the Web Lock.
    fn release_lock(&mut self);
    /// Requests the list of held locks. Where the browser has one, `Client::set_live_producers`
    /// takes it.
    fn query_locks(&mut self);
}

/// An operation on the overflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverflowOperation {
    /// Returns all blocks' names, separated by line breaks.
    List,
    /// Returns the text of the block with this name; empty when there is none.
    Read(String),
    /// Writes a text under a name. It succeeds once the transaction has committed.
    Write(String, String),
    /// Removes the block with this name.
    Erase(String),
}

/// `IndexedDB`, or a model of it: room for blocks that do not fit in storage. One operation runs at
/// a time.
pub trait Overflow {
    /// Starts an operation. `Client::overflow_done` takes its result, which may never come.
    fn run_overflow(&mut self, id: u32, operation: OverflowOperation);
}

/// Loads the full client for a page that runs the first client.
pub trait FullClientLoader {
    /// Requests the full client, which takes over when it is there. It may never come; requesting
    /// it again is harmless.
    fn load_full_client(&mut self);
}

/// Everything that the core needs, in one value.
pub trait Ports:
    Storage + Clock + Rng + Transport + Liveness + Overflow + FullClientLoader
{
}

impl<P: Storage + Clock + Rng + Transport + Liveness + Overflow + FullClientLoader> Ports for P {}

/// The server's response to one request, or the lack of one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// The HTTP status; 0 when there was no response.
    pub status: u16,
    /// The body as text; empty when there was none or it could not be read.
    pub body: String,
    /// The time in `Retry-After`, in milliseconds from now.
    pub retry_after_ms: Option<u64>,
}

/// Something that happens to the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageEvent {
    /// It is no longer visible. This may be the last event that the page sees (`visibilitychange`).
    Hidden,
    /// It is visible again.
    Visible,
    /// Its tasks stop, perhaps permanently (`freeze`).
    Frozen,
    /// The user leaves it; it may stay in the back/forward cache (`pagehide`).
    Left,
    /// It returned from the back/forward cache or from being frozen (`pageshow`, `resume`).
    Back,
    /// The browser reports a network again (`online`).
    Online,
}
