//! Whether a pooler in between gives each transaction another connection.
//!
//! Lamplight's connections have settings, prepared statements and locks that outlive a transaction,
//! so they need a connection of the database each.

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::database::Database;
use super::failure::Failure;

/// Whether two connections get each other's process of the database. A pooler hands out either what
/// was given back last or what was given back first, so each of them asks first once. One that has
/// another connection for each statement refuses transactions, which no PostgreSQL does.
pub(super) async fn is_between(one: &Client, database: &Database) -> Result<bool, Failure> {
    let other = &database.dedicated().await?;
    match begin(one).await {
        Ok(_) => end(one).await?,
        Err(failure) if failure.code() == Some(&SqlState::PROTOCOL_VIOLATION) => return Ok(true),
        Err(failure) => return Err(failure),
    }
    for (first, second) in [(one, other), (other, one)] {
        let before = (begin(one).await?, begin(other).await?);
        end(one).await?;
        end(other).await?;
        let asked = (begin(first).await?, begin(second).await?);
        end(one).await?;
        end(other).await?;
        let after = if std::ptr::eq(first, one) { asked } else { (asked.1, asked.0) };
        if before != after {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Begins a transaction. Gives the number of the process that has it.
async fn begin(client: &Client) -> Result<Option<String>, Failure> {
    let answers = client.simple_query("BEGIN; SELECT pg_backend_pid()").await?;
    Ok(answers.iter().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}

async fn end(client: &Client) -> Result<(), Failure> {
    Ok(client.batch_execute("COMMIT").await?)
}
