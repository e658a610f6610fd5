//! Runs: which rows hold the sequence numbers of a producer. Pure.
//!
//! A run is a sequence of consecutive numbers in consecutive rows of one payload, which is how a
//! page sends them. So a payload costs one entry in a table whose keys are random, not one for each
//! event.

use lamplight_wire::Producer;
use uuid::Uuid;

use super::{EventIdentity, RowId};

/// Consecutive numbers in rows with consecutive ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Whose numbers they are.
    pub producer: Producer,
    /// The first number.
    pub first: u64,
    /// The last number, at least the first.
    pub last: u64,
    /// The row of the first number.
    pub first_id: RowId,
}

impl Run {
    /// The row that a number of it is in.
    pub fn row(&self, seq: u64) -> RowId {
        let offset = u128::from(seq.saturating_sub(self.first));
        RowId(Uuid::from_u128(self.first_id.0.as_u128().saturating_add(offset)))
    }

    /// The rows of its first and its last number.
    pub fn span(&self) -> (RowId, RowId) {
        (self.first_id, self.row(self.last))
    }

    /// The part of the run that comes before a number and row in a list, the last first. `None` if
    /// nothing is left.
    #[must_use]
    pub fn before(mut self, place: Option<(u64, RowId)>) -> Option<Self> {
        if let Some((seq, id)) = place
            && self.last == seq
            && self.row(seq) >= id
        {
            self.last = seq.checked_sub(1)?;
        }
        (self.first <= self.last).then_some(self)
    }

    /// Extends the run by a number, if the number and its row are the next.
    fn takes(&mut self, producer: Producer, seq: u64, id: RowId) -> bool {
        let is_next = producer == self.producer
            && seq.checked_sub(1) == Some(self.last)
            && id == self.row(seq);
        if is_next {
            self.last = seq;
        }
        is_next
    }
}

/// The runs of the rows that one transaction writes, each with its scope.
#[derive(Debug, Default)]
pub struct Runs<'a>(pub Vec<(Run, &'a str)>);

impl<'a> Runs<'a> {
    /// Adds the row `id` of an event with this identity, whose number counts in `scope`. The rows
    /// of a payload must come in order.
    pub fn add(&mut self, identity: &EventIdentity, scope: &'a str, id: RowId) {
        let EventIdentity::Numbered(producer, seq) = *identity else { return };
        let is_next = self
            .0
            .last_mut()
            .is_some_and(|(run, last)| *last == scope && run.takes(producer, seq, id));
        if !is_next {
            self.0.push((Run { producer, first: seq, last: seq, first_id: id }, scope));
        }
    }
}
