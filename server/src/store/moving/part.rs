//! What is moved at a time: a table, or the rows of one week of it.

use std::fmt;

use super::Table;
use crate::store::Week;

/// A table, or the rows of one week of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The table.
    pub table: Table,
    /// The week, of tables that each week has.
    pub week: Option<Week>,
}

impl Part {
    /// All parts of an installation with events in these weeks, in the order in which they are
    /// moved.
    pub fn all(weeks: &[Week]) -> Vec<Self> {
        let mut parts = Vec::new();
        for table in Table::ALL {
            if table.is_of_week() {
                parts.extend(weeks.iter().map(|week| Self { table, week: Some(*week) }));
            } else {
                parts.push(Self { table, week: None });
            }
        }
        parts
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.table.name())?;
        self.week.map_or(Ok(()), |week| write!(f, " of {week}"))
    }
}
