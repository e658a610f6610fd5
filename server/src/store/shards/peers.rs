//! The other servers on the same databases. They say in each what they stored there, and choose the
//! leader in the control database.

use tokio::runtime::Handle;

use super::Shards;
use crate::store::{Answer, PeerChanges, Peers};
use crate::system::supervisor::Supervisor;

impl Peers for Shards {
    fn join(&self, supervisor: &Supervisor, on: &Handle) -> Answer<'_, ()> {
        for shard in self.all.iter().filter(|shard| shard.number != self.control.number) {
            shard.storage.peers.follow(supervisor, on);
        }
        self.control.storage.peers.join(supervisor, on)
    }

    fn is_leader(&self) -> bool {
        self.control.storage.peers.is_leader()
    }

    fn changes(&self) -> Option<PeerChanges> {
        self.control.storage.peers.changes()
    }
}
