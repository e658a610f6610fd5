//! The only code that knows a browser: the ports on top of web APIs, and the shell that drives a
//! client.
//!
//! A web API that the client uses may have been replaced by the page with a function that calls the
//! client. So what may call back (requests, reports, loading) is collected while the client works,
//! and done by the shell afterwards.

mod clients;
mod global;
#[cfg(feature = "full")]
mod indexed_db;
mod listener;
#[cfg(feature = "full")]
mod live_producers;
mod page_events;
mod ports;
mod requests;
mod shell;
mod web_lock;

use web_sys::{Crypto, Performance, Storage};

pub use clients::{abandon, with};
#[cfg(feature = "full")]
pub use indexed_db::run_operation;
pub use listener::Listener;
#[cfg(feature = "full")]
pub(crate) use listener::object;
pub use shell::{PageClient, Shell};

use requests::QueuedRequest;
use web_lock::WebLockChange;

/// The page or worker that a client runs in.
#[derive(Debug)]
pub struct Browser {
    /// The number of the client whose ports these are.
    client: u32,
    namespace: String,
    /// `None` where the browser withholds it, and in workers.
    storage: Option<Storage>,
    /// `None` where the page has none; the wall clock then stands in.
    performance: Option<Performance>,
    crypto: Option<Crypto>,
    /// What the shell does when the client has finished its work.
    effects: Effects,
}

/// What the client asked for.
#[derive(Debug, Default)]
struct Effects {
    requests: Vec<QueuedRequest>,
    cancelled: Vec<u32>,
    web_lock: Option<WebLockChange>,
    load_full_client: bool,
}

impl Browser {
    /// The ports of the client with this number.
    pub fn new(client: u32, namespace: &str) -> Self {
        global::with(|global| Self {
            client,
            namespace: String::from(namespace),
            // A getter that throws where a policy forbids storage.
            storage: global.local_storage().ok().flatten(),
            performance: global.performance(),
            crypto: global.crypto().ok(),
            effects: Effects::default(),
        })
    }

    /// Makes storage count as blocked from now on.
    pub fn block_storage(&mut self) {
        self.storage = None;
    }

    /// `<ns>:alive:`, the prefix of a producer's Web Lock.
    fn alive_prefix(&self) -> String {
        let mut prefix = self.namespace.clone();
        prefix.push_str(":alive:");
        prefix
    }
}
