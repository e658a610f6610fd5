//! Events as records of a file: what `lamplight export` writes, and the API.

mod records;

use clap::ValueEnum;

pub(crate) use records::{CSV_HEAD, write_record};

/// Form of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object on each line, as the API shows events
    #[default]
    Ndjson,
    /// Comma-separated values, with a line of names first; times are RFC 3339 in UTC
    Csv,
}

impl Format {
    /// The format with this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::from_str(name, false).ok()
    }

    /// Its media type, and the end of the names of its files.
    pub(crate) fn media_and_extension(self) -> (&'static str, &'static str) {
        match self {
            Self::Ndjson => ("application/x-ndjson", "ndjson"),
            Self::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
        }
    }
}
