//! A place in the order in which events were stored, which may be in several databases.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::LivePosition;

/// The number of a database that is alone.
const ALONE: u16 = 1;
/// The longest text of a place: positions in more databases than anybody has.
const TEXT_BYTES_MAX: usize = 8 * 1024;

/// A place in the order in which events were stored: a position in each database. Where there is
/// none for a database, it is before everything there.
///
/// As text it is `12.3`, the position in a database that is alone, or `1:12.3,2:7.0`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LivePlace(BTreeMap<u16, LivePosition>);

impl LivePlace {
    /// Before everything.
    pub const START: LivePosition = LivePosition { payload: 0, index: u32::MAX };

    /// The position in the database with this number.
    pub fn in_shard(&self, shard: u16) -> LivePosition {
        self.0.get(&shard).copied().unwrap_or(Self::START)
    }

    /// Moves the position in one database.
    pub fn set(&mut self, shard: u16, position: LivePosition) {
        self.0.insert(shard, position);
    }

    /// The position in a database that is alone.
    pub fn alone(&self) -> LivePosition {
        self.in_shard(ALONE)
    }
}

impl From<LivePosition> for LivePlace {
    fn from(position: LivePosition) -> Self {
        Self(BTreeMap::from([(ALONE, position)]))
    }
}

impl fmt::Display for LivePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() || self.0.keys().eq([&ALONE]) {
            let LivePosition { payload, index } = self.alone();
            return write!(f, "{payload}.{index}");
        }
        for (at, (shard, LivePosition { payload, index })) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{shard}:{payload}.{index}")?;
        }
        Ok(())
    }
}

/// A text is not that of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a place in the live view")]
pub struct NoPlace;

impl FromStr for LivePlace {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(NoPlace);
        }
        if !text.contains(':') {
            return Ok(position(text)?.into());
        }
        let mut place = Self::default();
        for part in text.split(',') {
            let (shard, text) = part.split_once(':').ok_or(NoPlace)?;
            let shard = shard.parse().map_err(|_| NoPlace)?;
            if place.0.insert(shard, position(text)?).is_some() {
                return Err(NoPlace);
            }
        }
        Ok(place)
    }
}

fn position(text: &str) -> Result<LivePosition, NoPlace> {
    let (payload, index) = text.split_once('.').ok_or(NoPlace)?;
    let payload = payload.parse().ok().filter(|payload| *payload >= 0).ok_or(NoPlace)?;
    Ok(LivePosition { payload, index: index.parse().map_err(|_| NoPlace)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_is_read_as_it_was_written(
            positions in prop::collection::btree_map(1_u16.., (0_i64.., 0_u32..), 1..5),
        ) {
            let mut place = LivePlace::default();
            for (shard, (payload, index)) in positions {
                place.set(shard, LivePosition { payload, index });
            }
            prop_assert_eq!(place.to_string().parse(), Ok(place));
        }

        #[test]
        fn any_text_is_a_place_or_not_without_a_panic(text: String) {
            let _ = text.parse::<LivePlace>();
        }
    }

    #[test]
    fn a_database_that_is_alone_is_number_1_of_several() {
        let alone: LivePlace = "12.3".parse().unwrap();
        assert_eq!(alone, "1:12.3".parse().unwrap());
        assert_eq!(alone.to_string(), "12.3");
        assert_eq!(alone.in_shard(2), LivePlace::START, "nothing of it was seen");
        for wrong in ["", "12", "-1.0", "1:2", "1:2.3,", "1:2.3,1:2.4", "x:1.2", "70000:1.2"] {
            assert_eq!(wrong.parse::<LivePlace>(), Err(NoPlace), "{wrong}");
        }
    }
}
