//! Everything in a database, table by table.

use std::collections::BTreeMap;

use tokio_postgres::{Client, SimpleQueryMessage};

/// The tables of the schema that are no partitions, with their columns in an order of their own.
const TABLES: &str = "SELECT c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname) \
     FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
     WHERE c.relnamespace = 'lamplight'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition \
     AND c.relname <> 'refinery_schema_history' GROUP BY c.relname ORDER BY c.relname";

/// The rows of each table, as text.
pub(crate) async fn all(client: &Client) -> BTreeMap<String, Vec<String>> {
    let mut tables = BTreeMap::new();
    for row in rows(client, TABLES).await {
        let (table, columns) = row.split_once('|').unwrap();
        let sql = format!("SELECT ROW({columns})::text FROM {table} ORDER BY 1");
        tables.insert(table.to_owned(), rows(client, &sql).await);
    }
    tables
}

/// The rows of an answer, whose columns are separated by `|`.
pub(crate) async fn rows(client: &Client, sql: &str) -> Vec<String> {
    let messages = client.simple_query(sql).await.unwrap();
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            let columns = (0..row.len()).map(|at| row.get(at).unwrap_or("NULL").to_owned());
            Some(columns.collect::<Vec<_>>().join("|"))
        }
        _ => None,
    });
    rows.collect()
}
