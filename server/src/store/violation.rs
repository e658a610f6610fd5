//! What a check of stored data complains about.

/// Something that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The name of the check.
    pub check: &'static str,
    /// The file or table.
    pub place: String,
    /// What is wrong, with the first example.
    pub what: String,
    /// How often.
    pub count: u64,
    /// What to do.
    pub advice: &'static str,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { check, place, what, count, advice } = self;
        write!(f, "{check}: {place}: {what} ({count} in all). {advice}")
    }
}
