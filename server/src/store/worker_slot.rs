//! Which of several workers one is, so that a backend can give each its own part of the work.

/// One worker of a fixed number of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerSlot {
    index: u32,
    count: u32,
}

impl WorkerSlot {
    /// The slot of a worker that works alone.
    pub const ALONE: Self = Self { index: 0, count: 1 };

    /// The slots of `count` workers. At least one.
    pub fn among(count: u32) -> impl Iterator<Item = Self> {
        let count = count.max(1);
        (0..count).map(move |index| Self { index, count })
    }

    /// Where this worker works, and as which worker there, if the work is in this many places.
    /// Every place has a worker. If there are fewer workers than places, each has several places,
    /// and is alone in each.
    pub fn places(self, places: u32) -> Vec<(u32, Self)> {
        let places = places.max(1);
        if self.count < places {
            return (0..places).filter(|it| self.owns(*it)).map(|it| (it, Self::ALONE)).collect();
        }
        let place = self.index % places;
        let count = (self.count - place).div_ceil(places);
        vec![(place, Self { index: self.index / places, count })]
    }

    /// Whether the part of the work with this number belongs to this worker. Whatever the number
    /// of workers, every part belongs to exactly one of them.
    pub fn owns(self, part: u32) -> bool {
        part % self.count == self.index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_belongs_to_exactly_one_worker() {
        for count in 0..=6 {
            for part in 0..20 {
                let owners = WorkerSlot::among(count).filter(|slot| slot.owns(part)).count();
                assert_eq!(owners, 1, "part {part} of {count} workers");
            }
        }
        for (count, places) in (1..=7).flat_map(|count| (1..=7).map(move |it| (count, it))) {
            for (place, part) in (0..places).flat_map(|place| (0..20).map(move |it| (place, it))) {
                let there = WorkerSlot::among(count).flat_map(|slot| slot.places(places));
                let owners = there.filter(|(at, slot)| *at == place && slot.owns(part)).count();
                assert_eq!(owners, 1, "part {part} of place {place} of {places}, {count} workers");
            }
        }
        assert_eq!(WorkerSlot::among(1).collect::<Vec<_>>(), [WorkerSlot::ALONE]);
    }
}
