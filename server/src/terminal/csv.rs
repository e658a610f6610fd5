//! Comma-separated values (RFC 4180), with a line feed after each record.

/// One cell.
#[derive(Debug, Clone, Copy)]
pub enum Cell<'a> {
    /// Text, which may come from anybody.
    Text(&'a str),
    /// A number, or another text that the server made.
    Own(&'a str),
}

/// Adds a record to `csv`.
///
/// A spreadsheet runs a cell that begins like a formula, such as `=cmd|…`. Such a text gets a `'`
/// before it, unless `is_exact`.
pub fn add_record<'a>(csv: &mut String, cells: impl IntoIterator<Item = Cell<'a>>, is_exact: bool) {
    for (at, cell) in cells.into_iter().enumerate() {
        if at > 0 {
            csv.push(',');
        }
        let (text, is_formula) = match cell {
            Cell::Text(text) => (text, !is_exact && begins_like_a_formula(text)),
            Cell::Own(text) => (text, false),
        };
        let is_quoted = text.contains([',', '"', '\n', '\r']);
        if is_quoted {
            csv.push('"');
        }
        if is_formula {
            csv.push('\'');
        }
        if is_quoted {
            csv.push_str(&text.replace('"', "\"\""));
            csv.push('"');
        } else {
            csv.push_str(text);
        }
    }
    csv.push('\n');
}

fn begins_like_a_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

/// Finds the end of each record as bytes arrive.
#[derive(Debug, Default)]
pub struct RecordEnds {
    is_in_quotes: bool,
}

impl RecordEnds {
    /// Whether a record ends with this byte.
    pub fn ends_with(&mut self, byte: u8) -> bool {
        self.is_in_quotes ^= byte == b'"';
        byte == b'\n' && !self.is_in_quotes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(cells: &[Cell<'_>], is_exact: bool) -> String {
        let mut csv = String::new();
        add_record(&mut csv, cells.iter().copied(), is_exact);
        csv
    }

    #[test]
    fn a_formula_of_a_client_is_not_run_by_a_spreadsheet() {
        for text in ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"] {
            let shown = record(&[Cell::Text(text)], false);
            assert!(shown.trim_start_matches('"').starts_with('\''), "{shown}");
            assert!(!record(&[Cell::Text(text)], true).contains("'="), "{text}");
        }
        assert_eq!(record(&[Cell::Own("-1"), Cell::Text("a-1")], false), "-1,a-1\n");
    }

    /// A reader as simple as the standard.
    fn read(csv: &str) -> Vec<Vec<String>> {
        let (mut records, mut record, mut cell) = (Vec::new(), Vec::new(), String::new());
        let (mut letters, mut is_quoted) = (csv.chars().peekable(), false);
        while let Some(letter) = letters.next() {
            match letter {
                '"' if is_quoted && letters.peek() == Some(&'"') => {
                    letters.next();
                    cell.push('"');
                }
                '"' => is_quoted = !is_quoted,
                ',' if !is_quoted => record.push(std::mem::take(&mut cell)),
                '\n' if !is_quoted => {
                    record.push(std::mem::take(&mut cell));
                    records.push(std::mem::take(&mut record));
                }
                _ => cell.push(letter),
            }
        }
        records
    }

    proptest! {
        #[test]
        fn what_is_written_exactly_is_read_again(
            rows in proptest::collection::vec(
                proptest::collection::vec("[a,\"\n\r'=é]{0,6}", 2), 1..6,
            ),
        ) {
            let mut csv = String::new();
            for row in &rows {
                add_record(&mut csv, row.iter().map(|it| Cell::Text(it)), true);
            }
            prop_assert_eq!(read(&csv), rows.clone());
            let mut ends = RecordEnds::default();
            let found = csv.bytes().filter(|byte| ends.ends_with(*byte)).count();
            prop_assert_eq!(found, rows.len());
        }
    }
}
