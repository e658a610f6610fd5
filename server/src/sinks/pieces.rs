//! Splits a batch into requests within the limits of a sink. Pure.

use std::ops::Range;

/// What is still to be sent of a batch, as ranges of its events.
#[derive(Debug)]
pub(super) struct Pieces(Vec<Range<usize>>);

impl Pieces {
    /// As few pieces as possible within the limits, in order. An event over the limit of bytes is a
    /// piece by itself.
    pub(super) fn split(
        sizes: impl IntoIterator<Item = usize>,
        events_max: usize,
        bytes_max: usize,
    ) -> Self {
        let (mut pieces, mut bytes) = (Vec::<Range<usize>>::new(), 0);
        for (at, size) in sizes.into_iter().enumerate() {
            match pieces.last_mut() {
                Some(piece) if piece.len() < events_max && bytes + size <= bytes_max => {
                    piece.end = at + 1;
                    bytes += size;
                }
                _ => {
                    pieces.push(at..at + 1);
                    bytes = size;
                }
            }
        }
        pieces.reverse();
        Self(pieces)
    }

    /// The next piece to send.
    pub(super) fn next(&mut self) -> Option<Range<usize>> {
        self.0.pop()
    }

    /// Makes the halves of `piece` the next pieces. Gives false, and changes nothing, when it is a
    /// single event.
    pub(super) fn halve(&mut self, piece: &Range<usize>) -> bool {
        let middle = piece.start + piece.len() / 2;
        if piece.len() < 2 {
            return false;
        }
        self.0.push(middle..piece.end);
        self.0.push(piece.start..middle);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_event_is_in_one_piece_in_order_and_within_the_limits(
            sizes in prop::collection::vec(0usize..50, 0..60),
            events_max in 1usize..10,
            halved in 0usize..5,
        ) {
            let mut pieces = Pieces::split(sizes.iter().copied(), events_max, 40);
            let (mut at, mut count) = (0, 0);
            while let Some(piece) = pieces.next() {
                prop_assert_eq!(piece.start, at);
                let bytes: usize = sizes[piece.clone()].iter().sum();
                prop_assert!(piece.len() <= events_max && (bytes <= 40 || piece.len() == 1));
                count += 1;
                if count <= halved && pieces.halve(&piece) {
                    continue;
                }
                at = piece.end;
            }
            prop_assert_eq!(at, sizes.len());
        }
    }
}
