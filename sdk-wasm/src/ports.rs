//! What the core asks of the world. The browser implements these in `browser/`, the simulation in `tests/native/simulation/`.

use lamplight_wire::{Producer, json};

/// Why storage did not take a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageError {
    /// The origin's quota is used up.
    QuotaExceeded,
    /// There is no storage here: a sandboxed frame, a private mode, a policy.
    Blocked,
}

/// The origin's `localStorage`, or a model of it.
///
/// Nothing more is assumed of it than what real browsers give: own writes are seen at once and others' at
/// some later time, one tab's writes arrive in order, the last arrival wins per key, all copies converge.
pub trait Storage {
    /// The value under `key`, as this tab's copy has it.
    fn get(&self, key: &str) -> Option<String>;
    /// How many characters the value under `key` has, without copying it; 0 when there is none.
    fn size(&self, key: &str) -> usize;
    /// Writes `value` under `key`.
    ///
    /// # Errors
    /// [`StorageError`], when the value was not taken; the old one then stays.
    fn set(&mut self, key: &str, value: &str) -> Result<(), StorageError>;
    /// Tells once what the keys of this page's events begin with.
    fn set_event_prefix(&mut self, _prefix: &str) {}
    /// The same as [`Storage::set`] with the key that is `prefix` and then `number`. The prefix is the one that was told.
    ///
    /// # Errors
    /// As [`Storage::set`].
    fn set_numbered(&mut self, prefix: &str, number: u64, value: &str) -> Result<(), StorageError> {
        let mut key = String::from(prefix);
        json::push_integer(&mut key, number);
        self.set(&key, value)
    }
    /// Removes `key`. A key that this tab's copy does not have may stay for others.
    fn remove(&mut self, key: &str);
    /// All keys that begin with `prefix`, in any order.
    fn keys(&self, prefix: &str) -> Vec<String>;
    /// How many characters all keys that begin with `prefix` and not with `own` have, and their values.
    fn size_excluding(&self, prefix: &str, own: &str) -> usize {
        let others = self.keys(prefix).into_iter().filter(|key| !key.starts_with(own));
        others.map(|key| key.len() + self.size(&key)).sum()
    }
}

/// Time, of two kinds.
pub trait Clock {
    /// Milliseconds since 1970. May jump; only ever written into events and batches.
    fn wall_ms(&self) -> u64;
    /// Milliseconds since some start, never backwards. Every wait is measured by it.
    fn monotonic_ms(&self) -> u64;
}

/// Randomness good enough to name producers by.
pub trait Rng {
    /// 32 random bits.
    fn random_bits(&mut self) -> u32;
}

/// Sends requests. What comes of one is told by `Client::answered`.
pub trait Transport {
    /// Starts a POST of `body`. With `keepalive` it is to outlive the page.
    fn send(&mut self, request: u32, body: String, keepalive: bool);
    /// Gives a request up. No answer to it is told any more.
    fn abort(&mut self, request: u32);
}

/// Tells which producers' pages are alive, where the browser can (Web Locks).
pub trait Liveness {
    /// Holds the mark of `producer` for as long as the page lives or until [`Liveness::release`].
    fn hold_lock(&mut self, producer: Producer);
    /// Gives the mark back.
    fn release_lock(&mut self);
    /// Asks who is alive; the list is told by `Client::alive`, where somebody can tell.
    fn query_locks(&mut self);
}

/// One thing to do with the overflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverflowOperation {
    /// Tell all blocks' names, separated by line breaks.
    List,
    /// Tell the text of the block with this name; an empty one when there is none.
    Read(String),
    /// Keep a text under a name. EncodedNote to be done once that has been committed.
    Write(String, String),
    /// Remove the block with this name.
    Erase(String),
}

/// `IndexedDB`, or a model of it: room for blocks that storage has not. One piece of work at a time.
pub trait Overflow {
    /// Starts a piece of work. What comes of it is told by `Client::worked`, perhaps never.
    fn run_overflow(&mut self, id: u32, work: OverflowOperation);
}

/// Fetches what a client that is not whole lacks.
pub trait FullClientLoader {
    /// Asks for a whole client, to take over when it is there: perhaps never. Asking again does no harm.
    fn load_full_client(&mut self);
}

/// Everything the core needs, in one value.
pub trait Ports:
    Storage + Clock + Rng + Transport + Liveness + Overflow + FullClientLoader
{
}

impl<P: Storage + Clock + Rng + Transport + Liveness + Overflow + FullClientLoader> Ports for P {}

/// The server's answer to one request, or the lack of one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// The HTTP status; 0 when there was no answer.
    pub status: u16,
    /// The body's text; empty when there was none or it could not be read.
    pub body: String,
    /// What `Retry-After` says, in milliseconds from now.
    pub retry_after_ms: Option<u64>,
}

/// What happens to the page around us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageEvent {
    /// It can no longer be seen; this may be the last that we hear (`visibilitychange`).
    Hidden,
    /// It can be seen again.
    Visible,
    /// Its tasks stop, perhaps for ever (`freeze`).
    Frozen,
    /// It is left, perhaps into the back/forward cache (`pagehide`).
    Left,
    /// It is back from the back/forward cache or from being frozen (`pageshow`, `resume`).
    Back,
    /// The browser believes that it has a network again (`online`).
    Online,
}
