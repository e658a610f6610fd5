//! The only code that knows a browser: the ports on top of the functions of `host.js`, and the
//! shell that drives the client.

mod host;
mod ports;
mod shell;

#[cfg(feature = "full")]
use lamplight_wire::Producer;

#[cfg(feature = "full")]
use crate::text;
pub use host::{attach, open};
pub use ports::start_operation;
pub use shell::{PageClient, Shell};

/// The page or worker that a client runs in.
#[derive(Debug)]
pub struct Browser {
    host: u32,
    namespace: String,
}

impl Browser {
    /// The ports on the host with this number. Storage that the browser withholds counts as
    /// blocked.
    pub fn new(host: u32, namespace: &str) -> Self {
        Self { host, namespace: String::from(namespace) }
    }

    /// Makes storage count as blocked from now on.
    pub fn block_storage(&mut self) {
        host::block_storage(self.host);
    }

    /// Parses the names of held locks, one per line, into producers.
    #[cfg(feature = "full")]
    pub(crate) fn live_producers(&self, locks: &str) -> Vec<Producer> {
        let prefix = self.alive_prefix();
        let mut alive = Vec::new();
        text::for_each_line(locks, |lock| {
            alive.extend(lock.strip_prefix(prefix.as_str()).and_then(Producer::parse));
        });
        alive
    }

    /// `<ns>:alive:`, the prefix of a producer's lock.
    fn alive_prefix(&self) -> String {
        let mut prefix = self.namespace.clone();
        prefix.push_str(":alive:");
        prefix
    }
}
