//! A block that this page wrote.

use lamplight_wire::Ranges;

use crate::queue::block::BlockName;

/// A block of this producer.
#[derive(Debug)]
pub(super) struct OwnBlock {
    pub(super) name: BlockName,
    pub(super) in_storage: bool,
    /// Those of its events that no 2xx has answered yet.
    pub(super) left: Ranges,
    /// Memory does not have the texts of its events.
    pub(super) is_unloaded: bool,
}
