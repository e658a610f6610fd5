//! Tables of text in columns.

use std::borrow::Cow;
use std::io::{self, Write};

use super::layout::{Paint, Style, clip, pad, width};
use super::{Output, escape};

/// Spaces between columns.
const GAP: usize = 2;
/// A column does not become narrower than this to make room for others.
const COLUMN_MIN: usize = 8;

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    title: String,
    to_the_right: bool,
}

impl Column {
    /// A column of texts.
    pub fn text(title: &str) -> Self {
        Self { title: escape::text(title).into_owned(), to_the_right: false }
    }

    /// A column of numbers.
    pub fn number(title: &str) -> Self {
        Self { to_the_right: true, ..Self::text(title) }
    }
}

/// A table. Its cells may be any text: they are escaped.
#[derive(Debug, Default)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = impl Into<Cow<'a, str>>>) {
        let cells = cells.into_iter().map(|cell| escape::text(&cell.into()).into_owned());
        self.rows.push(cells.collect());
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Its lines, in at most `columns_max` if that is given.
    pub fn lines(&self, columns_max: Option<usize>, paint: Paint) -> Vec<String> {
        let widths = self.widths(columns_max);
        let last = self.columns.len().saturating_sub(1);
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut line = String::new();
            for (at, ((cell, column), width)) in cells.zip(&self.columns).zip(&widths).enumerate() {
                if at > 0 {
                    line.push_str(&" ".repeat(GAP));
                }
                if at == last && !column.to_the_right {
                    line.push_str(&clip(cell, *width));
                } else {
                    line.push_str(&pad(cell, *width, column.to_the_right));
                }
            }
            line.trim_end().to_owned()
        };
        let head = line(&mut self.columns.iter().map(|column| column.title.as_str()));
        let mut lines = vec![paint.with(Style::Bold, &head)];
        lines.extend(self.rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
        lines
    }

    /// Writes it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, out: &mut Output) -> io::Result<()> {
        for line in self.lines(out.columns(), out.paint()) {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    /// The width of each column. The widest give way until all fit.
    fn widths(&self, columns_max: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> =
            self.columns.iter().map(|column| width(&column.title)).collect();
        for row in &self.rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(width(cell));
            }
        }
        let Some(columns_max) = columns_max else { return widths };
        let gaps = GAP * widths.len().saturating_sub(1);
        let mut left = columns_max.saturating_sub(gaps);
        // The narrow columns get what they need, and the wide ones share what is left.
        let mut order: Vec<usize> = (0..widths.len()).collect();
        order.sort_by_key(|at| widths[*at]);
        for (place, at) in order.iter().enumerate() {
            let share = left / (order.len() - place);
            widths[*at] = widths[*at].min(share.max(COLUMN_MIN));
            left = left.saturating_sub(widths[*at]);
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn columns_line_up_also_with_wide_characters() {
        let mut table = Table::new([Column::text("name"), Column::number("n"), Column::text("x")]);
        table.row(["漢字", "7", "a"]);
        table.row(["b\u{1b}[31m", "1234", "b"]);
        let lines = table.lines(None, Paint(false));
        assert_eq!(
            lines,
            ["name            n  x", "漢字            7  a", "b\\u{1b}[31m  1234  b"]
        );
    }

    proptest! {
        #[test]
        fn a_table_fits_its_terminal(
            cells in proptest::collection::vec(any::<String>(), 12),
            columns_max in 40_usize..120,
        ) {
            let mut table = Table::new(["a", "b", "c"].map(Column::text));
            cells.chunks(3).for_each(|row| table.row(row.iter().map(String::as_str)));
            for line in table.lines(Some(columns_max), Paint(false)) {
                prop_assert!(width(&line) <= columns_max, "{line}");
            }
        }
    }
}
