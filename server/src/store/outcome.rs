//! How an event can end. Every staged event ends in exactly one of these (I3).

/// How one arrival of an event ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is in `events`.
    Stored,
    /// It had arrived before; the earlier arrival counts.
    Duplicate,
    /// It cannot be stored, for a reason that is kept.
    Invalid,
}

impl Outcome {
    /// The name in the API and in databases. It never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Duplicate => "duplicate",
            Self::Invalid => "invalid",
        }
    }

    /// The outcome with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Stored, Self::Duplicate, Self::Invalid].into_iter().find(|it| it.name() == name)
    }
}
