//! SQL statements: each database runs them on what it has, and each row says whose it is.

use serde_json::value::RawValue;

use super::Shards;
use crate::store::{SqlError, SqlQuery, SqlTable, StoreError};

/// The first column.
const SHARD: &str = "shard";

impl Shards {
    /// Runs a statement in every database.
    ///
    /// # Errors
    /// [`StoreError`]. What is wrong with the statement is in the answer.
    pub(super) async fn statement(
        &self,
        query: SqlQuery,
    ) -> Result<Result<SqlTable, SqlError>, StoreError> {
        let mut table = Collected::new(query.rows_max, query.bytes_max);
        for (shard, ran) in self.read_all(|storage| storage.reader.sql(query.clone())).await? {
            match ran {
                Ok(part) => table.add(shard.number, part)?,
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(table.finish()))
    }
}

/// The rows of several databases.
struct Collected {
    rows_max: usize,
    bytes_max: usize,
    rows: usize,
    table: SqlTable,
}

impl Collected {
    fn new(rows_max: usize, bytes_max: usize) -> Self {
        let table = SqlTable { rows_json: "[".to_owned(), ..SqlTable::default() };
        Self { rows_max, bytes_max, rows: 0, table }
    }

    /// Adds the rows of one database, as far as they fit.
    fn add(&mut self, shard: u16, part: SqlTable) -> Result<(), StoreError> {
        let table = &mut self.table;
        if table.columns.is_empty() {
            table.columns.push(SHARD.to_owned());
            table.columns.extend(part.columns);
        }
        table.truncated |= part.truncated;
        table.weeks.extend(part.weeks);
        let rows: Vec<&RawValue> = serde_json::from_str(&part.rows_json)
            .map_err(|error| StoreError::database("read the rows of a statement", error))?;
        for row in rows {
            let values = row.get().trim_ascii();
            let values = values.strip_prefix('[').unwrap_or(values).trim_ascii_start();
            let comma = if values == "]" { "" } else { "," };
            let row = format!("[{shard}{comma}{values}");
            if self.rows >= self.rows_max || table.rows_json.len() + row.len() > self.bytes_max {
                table.truncated = true;
                break;
            }
            if self.rows > 0 {
                table.rows_json.push(',');
            }
            table.rows_json.push_str(&row);
            self.rows += 1;
        }
        Ok(())
    }

    fn finish(self) -> SqlTable {
        let mut table = self.table;
        table.rows_json.push(']');
        table.weeks.sort_by_key(|week| std::cmp::Reverse(week.number()));
        table.weeks.dedup();
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(rows_json: &str) -> SqlTable {
        let columns = vec!["a".to_owned(), "b".to_owned()];
        SqlTable { columns, rows_json: rows_json.to_owned(), ..SqlTable::default() }
    }

    #[test]
    fn each_row_says_its_database_and_keeps_its_values() {
        let mut rows = Collected::new(10, 1_000);
        rows.add(1, part(r#"[[[1],"]"],[1.50,null]]"#)).unwrap();
        rows.add(2, part("[]")).unwrap();
        rows.add(300, part("[[]]")).unwrap();
        let table = rows.finish();
        assert_eq!(table.columns, ["shard", "a", "b"]);
        assert_eq!(table.rows_json, r#"[[1,[1],"]"],[1,1.50,null],[300]]"#);
        assert!(!table.truncated);
    }

    #[test]
    fn a_limit_holds_for_the_rows_of_all_databases() {
        for (rows_max, bytes_max) in [(2, 1_000), (10, 14)] {
            let mut rows = Collected::new(rows_max, bytes_max);
            rows.add(1, part("[[0],[1]]")).unwrap();
            rows.add(2, part("[[2]]")).unwrap();
            let table = rows.finish();
            assert_eq!((table.rows_json.as_str(), table.truncated), ("[[1,0],[1,1]]", true));
        }
    }
}
