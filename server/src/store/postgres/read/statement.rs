//! A statement that is put together from parts, with the values in it.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::store::postgres::connection::failure::Failure;

/// A value of a statement.
type Value = Box<dyn ToSql + Sync + Send>;

/// A statement and its values.
#[derive(Debug, Default)]
pub(crate) struct Statement {
    /// The text.
    pub(crate) sql: String,
    values: Vec<Value>,
}

impl Statement {
    /// Adds a value. Returns what stands for it in the text.
    pub(crate) fn bind(&mut self, value: impl ToSql + Sync + Send + 'static) -> String {
        self.values.push(Box::new(value));
        format!("${}", self.values.len())
    }

    /// The rows that it returns.
    pub(crate) async fn query(&self, transaction: &Transaction<'_>) -> Result<Vec<Row>, Failure> {
        let statement = transaction.prepare_cached(&self.sql).await?;
        let values: Vec<&(dyn ToSql + Sync)> =
            self.values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
        Ok(transaction.query(&statement, &values).await?)
    }
}
