//! Servers that share what is stored: one of them leads, and each follows what others change.

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::Answer;
use crate::system::supervisor::Supervisor;

/// The servers on the same database, as one of them sees them.
pub trait Peers: Send + Sync + 'static {
    /// Begins to follow what others change, and to take turns in leading. Whether this server leads
    /// is known when it returns. It ends when the database is closed.
    fn join(&self, supervisor: &Supervisor, on: &Handle) -> Answer<'_, ()>;

    /// The same, without ever leading: where there are several databases, the leader is chosen in
    /// one of them.
    fn follow(&self, supervisor: &Supervisor, on: &Handle) {
        let _ = (supervisor, on);
    }

    /// Whether this server does what one server at a time should do: retention, replays, trends
    /// and alerts. For a moment two may believe it, so whatever only the leader does must also be
    /// right when two do it.
    fn is_leader(&self) -> bool;

    /// What others change of what this process keeps in memory. `None` if no other server can.
    fn changes(&self) -> Option<PeerChanges>;
}

/// Changes when another server may have changed something. What is missed shows at the next look
/// into the database, which must not be far.
#[derive(Debug, Clone)]
pub struct PeerChanges {
    /// The keys.
    pub keys: watch::Receiver<u64>,
    /// The sessions of the console.
    pub sessions: watch::Receiver<u64>,
}

/// The only server of what it stores. It always leads.
#[derive(Debug, Clone, Copy)]
pub struct Alone;

impl Peers for Alone {
    fn join(&self, _: &Supervisor, _: &Handle) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn is_leader(&self) -> bool {
        true
    }

    fn changes(&self) -> Option<PeerChanges> {
        None
    }
}
