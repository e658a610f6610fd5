//! What a read is for.

use std::time::Duration;

/// What a read is for. Each class has connections of its own, so that one which is slow, or which
/// many ask for, holds up no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadClass {
    /// What the stages of the server need for their work.
    Work,
    /// A few rows that say how the server is doing.
    Summary,
    /// A page of a list, or one event.
    Page,
    /// A count over many rows.
    Count,
    /// The next part of a live view.
    Live,
}

impl ReadClass {
    pub(crate) const ALL: [Self; 5] =
        [Self::Work, Self::Summary, Self::Page, Self::Count, Self::Live];

    /// How many reads of the class there are at a time. Others wait.
    pub(crate) fn places(self) -> usize {
        match self {
            Self::Work | Self::Summary | Self::Page | Self::Count => 4,
            Self::Live => 2,
        }
    }

    /// How long a read of the class may take. Nothing bounds the work of the server itself, which
    /// would only be repeated.
    pub(crate) fn time_max(self) -> Option<Duration> {
        match self {
            Self::Work => None,
            Self::Summary | Self::Page | Self::Live => Some(Duration::from_secs(10)),
            Self::Count => Some(Duration::from_secs(20)),
        }
    }
}
