//! `lamplight query`: an SQL statement, and its result as a table.

use std::io::{Read, Write};

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::event_filter::time_ms;
use super::outcome::{CommandError, Outcome, at_place};
use crate::client::{Api, Need, PlaceArgs};
use crate::counted::counted;
use crate::terminal::csv::{Cell, add_record};
use crate::terminal::{Column, Output, Table};

const EXAMPLES: &str = "\
Examples:
  Count the events of the newest ten weeks by name:
    lamplight query \"SELECT name, count(*) AS events FROM events GROUP BY name\"
  Write a result to a file for a spreadsheet:
    lamplight query --csv \"SELECT id, name, user_id FROM events LIMIT 100\" > events.csv
  Read a long statement from a file:
    lamplight query --json - < statement.sql

docs/reading.md lists the columns, the function `property`, and the limits of a statement.";

/// What to run, and how to print the result.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct QueryArgs {
    /// The statement, in the dialect of SQLite; `-` reads it from standard input
    #[arg(value_name = "SQL")]
    pub sql: String,
    /// Print comma-separated values
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Leave texts in CSV as they are, also those that a spreadsheet would run as a formula
    #[arg(long, requires = "csv")]
    pub exact: bool,
    /// Print each row as a JSON object on a line of its own
    #[arg(long)]
    pub json: bool,
    /// Read the weeks from this time on: a day such as 2026-01-31 in UTC, RFC 3339, or milliseconds
    /// since 1970
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    pub from: Option<i64>,
    /// Read the weeks until this time
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    pub to: Option<i64>,
    /// Where to work.
    #[command(flatten)]
    pub place: PlaceArgs,
}

#[derive(Serialize)]
struct Ask {
    sql: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<i64>,
}

#[derive(Deserialize)]
struct Found {
    columns: Vec<String>,
    rows: Vec<Vec<Box<RawValue>>>,
    truncated: bool,
    weeks: Vec<String>,
}

/// Runs the statement and prints its rows.
///
/// # Errors
/// [`CommandError`].
pub async fn query(args: &QueryArgs, out: &mut Output) -> Result<Outcome, CommandError> {
    let mut sql = args.sql.clone();
    if sql == "-" {
        sql.clear();
        std::io::stdin().read_to_string(&mut sql).map_err(|error| {
            CommandError::Failed(format!("read the statement from standard input: {error}"))
        })?;
    }
    at_place(&args.place, None, Need::Read, async |api: &Api| {
        let ask = Ask { sql, from: args.from, to: args.to };
        let found: Found = api.post("/api/query", &ask).await?;
        print(args, &found, out)?;
        if found.truncated {
            Output::note(&format!(
                "the result is not complete: it has the first {}, because an answer has at \
                 most 10,000 rows and 8 MiB. Narrow it down, or use `lamplight export`",
                counted(found.rows.len() as u64, "row", "rows")
            ));
        }
        if found.weeks.is_empty() {
            Output::note("there are no events in these weeks");
        }
        Ok(Outcome::Done)
    })
    .await
}

fn print(args: &QueryArgs, found: &Found, out: &mut Output) -> Result<(), CommandError> {
    if args.json {
        let names = different(&found.columns);
        for row in &found.rows {
            let members: Vec<String> = names
                .iter()
                .zip(row)
                .map(|(name, value)| {
                    format!("{}:{}", serde_json::Value::from(&**name), value.get())
                })
                .collect();
            writeln!(out, "{{{}}}", members.join(","))?;
        }
    } else if args.csv {
        let mut csv = String::new();
        add_record(&mut csv, found.columns.iter().map(|name| Cell::Text(name)), args.exact);
        for row in &found.rows {
            let texts: Vec<Shown> = row.iter().map(|value| Shown::of(value, "")).collect();
            add_record(&mut csv, texts.iter().map(Shown::cell), args.exact);
            out.write_all(csv.as_bytes())?;
            csv.clear();
        }
        out.write_all(csv.as_bytes())?;
    } else {
        let is_number = |at: usize| {
            let mut values = found.rows.iter().filter_map(|row| row.get(at));
            values.all(|value| !value.get().starts_with('"'))
        };
        let column = |(at, name): (usize, &String)| {
            if is_number(at) { Column::number(name) } else { Column::text(name) }
        };
        let mut table = Table::new(found.columns.iter().enumerate().map(column));
        for row in &found.rows {
            table.row(row.iter().map(|value| Shown::of(value, "NULL").text));
        }
        table.write(out)?;
        if out.is_terminal() {
            let rows = found.rows.len();
            Output::note(&format!("{rows} {}", if rows == 1 { "row" } else { "rows" }));
        }
    }
    out.flush()?;
    Ok(())
}

/// A value of a row.
struct Shown {
    text: String,
    is_text: bool,
}

impl Shown {
    fn of(value: &RawValue, null: &str) -> Self {
        match value.get() {
            "null" => Self { text: null.to_owned(), is_text: false },
            json => match serde_json::from_str::<String>(json) {
                Ok(text) => Self { text, is_text: true },
                Err(_) => Self { text: json.to_owned(), is_text: false },
            },
        }
    }

    fn cell(&self) -> Cell<'_> {
        if self.is_text { Cell::Text(&self.text) } else { Cell::Own(&self.text) }
    }
}

/// The names of columns, each once, because an object has each key once.
fn different(columns: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(columns.len());
    for column in columns {
        let mut name = column.clone();
        let mut number = 2;
        while names.contains(&name) || (number > 2 && columns.contains(&name)) {
            name = format!("{column}_{number}");
            number += 1;
        }
        names.push(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_with_the_same_name_get_different_keys() {
        let names = |given: &[&str]| {
            different(&given.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(names(&["a", "b"]), ["a", "b"]);
        assert_eq!(names(&["a", "a", "a"]), ["a", "a_2", "a_3"]);
        assert_eq!(names(&["a", "a", "a_2"]), ["a", "a_3", "a_2"]);
    }
}
