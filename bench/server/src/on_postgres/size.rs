//! What an event takes on the disk.

use anyhow::Result;
use serde_json::{Value, json};

use crate::postgres::Postgres;

/// The tables with their indexes, those of weeks added up, the largest first.
const SIZES: &str = "SELECT regexp_replace(relname, '_[0-9]{4}_w[0-9]+$', '') AS name, \
     sum(pg_relation_size(oid))::bigint, sum(pg_indexes_size(oid))::bigint, sum(pg_total_relation_size(oid))::bigint \
     FROM pg_class WHERE relnamespace = 'lamplight'::regnamespace AND relkind = 'r' \
     GROUP BY 1 ORDER BY 4 DESC LIMIT 6";

/// Measures and prints.
pub(super) async fn measure(cluster: &Postgres, database: &str) -> Result<Value> {
    let client = cluster.client(database).await?;
    let events: i64 = client.query_one("SELECT count(*) FROM lamplight.events", &[]).await?.get(0);
    #[allow(clippy::cast_precision_loss)]
    let each = |bytes: i64| bytes as f64 / events as f64;
    println!("\nbytes of each of {events} events, 10 in a payload: rows, indexes, all");
    let mut lines = Vec::new();
    for row in client.query(SIZES, &[]).await? {
        let (name, heap, indexes, all): (String, i64, i64, i64) =
            (row.get(0), row.get(1), row.get(2), row.get(3));
        println!("  {name:<18} {:>6.0} {:>6.0} {:>6.0}", each(heap), each(indexes), each(all));
        lines.push(json!({ "table": name, "rows": each(heap), "indexes": each(indexes), "all": each(all) }));
    }
    Ok(Value::from(lines))
}
