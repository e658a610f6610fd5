//! Opens `intake.db` for its writer.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::store::sqlite::OpenError;
use crate::store::sqlite::file::connection::{Layout, open_writer};

/// Payloads are a few kilobytes: on small pages each would fill one and waste the rest of it.
/// Measured at 2.9 kB each, pages of 16 KiB take 40 % more payloads a second than pages of 4 KiB.
const LAYOUT: Layout = Layout { page_bytes: 16 * 1024, cache_kib: 8 * 1024 };

/// Opens the database for its writer, which plans no statement again because it gets other values.
///
/// SQLite would do so for each value of a `LIMIT ?`. That cost a sixth of all that the writer does.
/// No index here is only for certain values, so no value could lead to a better plan.
pub(crate) fn open_to_write(path: &Path) -> Result<Connection, OpenError> {
    let connection = open_writer(path, LAYOUT)?;
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(|source| OpenError::Sqlite { path: path.to_owned(), source })?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use rusqlite::{StatementStatus, params};

    use super::super::{SCHEMA, queue};
    use super::*;
    use crate::store::sqlite::file::connection::migrate;

    #[test]
    fn the_writer_plans_a_statement_once_whatever_values_it_gets() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("intake.db");
        let mut connection = open_to_write(&path).unwrap();
        migrate(&mut connection, &path, &SCHEMA).unwrap();
        let mut due = connection.prepare_cached(queue::DUE).unwrap();
        for limit in 1..10 {
            assert!(!due.exists(params![0, 0, limit, limit]).unwrap());
        }
        assert_eq!(due.get_status(StatementStatus::RePrepare), 0);
    }
}
