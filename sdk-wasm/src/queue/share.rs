//! Our share of the origin's storage, which all tabs fill together, and what of it is taken.

/// A page that wrote more than this part of the share since it last looked looks again, before it writes on.
const LOOK_PART: usize = 8;
/// A new page, which knows nothing of the others yet, looks before it has written this part.
const FIRST_LOOK_PART: usize = 64;
/// With less than this part of the share left, a new event may soon find no room.
const TIGHT_PART: usize = 4;

/// Bytes, keys included, by where they are.
#[derive(Debug)]
pub(super) struct Share {
    bytes_max: usize,
    /// Ours in storage.
    pub(super) stored: usize,
    /// Other pages' in storage, as last seen.
    foreign: usize,
    /// Of events that only memory has, without keys.
    pub(super) memory: usize,
    since_look: usize,
}

impl Share {
    pub(super) const fn new(bytes_max: usize) -> Self {
        let since_look = bytes_max / LOOK_PART - bytes_max / FIRST_LOOK_PART;
        Self { bytes_max, stored: 0, foreign: 0, memory: 0, since_look }
    }

    pub(super) const fn fits(&self, bytes: usize) -> bool {
        self.stored + self.foreign + bytes <= self.bytes_max
    }

    pub(super) const fn is_tight(&self) -> bool {
        self.stored + self.foreign > self.bytes_max - self.bytes_max / TIGHT_PART
    }

    pub(super) const fn wants_look(&self) -> bool {
        self.since_look > self.bytes_max / LOOK_PART
    }

    pub(super) const fn looked(&mut self, foreign: usize) {
        self.foreign = foreign;
        self.since_look = 0;
    }

    pub(super) const fn wrote(&mut self, bytes: usize) {
        self.stored += bytes;
        self.since_look += bytes;
    }
}
