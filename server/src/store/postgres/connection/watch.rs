//! The watch: asks a database from time to time whether it takes writes, and ends sessions of
//! servers that are frozen.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;

use super::database::Database;
use super::failure::{Failure, described};
use super::frozen;

/// How often a database is asked, while it works and while it does not.
const ASK_EVERY: Duration = Duration::from_secs(5);
const ASK_EVERY_WHEN_DOWN: Duration = Duration::from_millis(500);
/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// A write that changes nothing. It fails in a standby and where the disk is full, and waits for a
/// synchronous standby as every write does. It waits for no lane: a server that is frozen in a
/// transaction may hold some.
pub(crate) const PROBE: &str = "UPDATE lamplight.queue_counts SET payloads = payloads WHERE lane = \
     (SELECT lane FROM lamplight.queue_counts LIMIT 1 FOR UPDATE SKIP LOCKED)";

/// Asks until the database is closed. It has a connection of its own, so that others that are busy
/// do not look like a database that is down.
pub(crate) async fn watch(database: Arc<Database>) {
    let mut client = None;
    loop {
        let was_up = database.is_up();
        tokio::select! {
            () = tokio::time::sleep(if was_up { ASK_EVERY } else { ASK_EVERY_WHEN_DOWN }) => {}
            // Whatever found that may have been one connection that broke.
            () = database.is_down(), if was_up => {}
            () = database.closed() => return,
        }
        let asking = tokio::time::timeout(ANSWER_MAX, ask(&database, client.take()));
        let answer = tokio::select! {
            answer = asking => answer,
            () = database.closed() => return,
        };
        let answer = answer.unwrap_or_else(|_| {
            Err(Failure::NoConnection(format!("no answer within {ANSWER_MAX:?}")))
        });
        match answer {
            Ok(working) => {
                client = Some(working);
                database.widen();
                if database.set_up(true) {
                    tracing::info!("the database takes writes again");
                }
            }
            Err(failure) => {
                let error = described(&failure);
                if database.set_up(false) || was_up {
                    tracing::warn!(error, "the database takes no writes: trying again");
                } else {
                    tracing::debug!(error, "the database still takes no writes");
                }
            }
        }
    }
}

/// Writes on this connection, or on a new one, and ends what holds up others.
async fn ask(database: &Database, kept: Option<Client>) -> Result<Client, Failure> {
    let client = match kept.filter(|client| !client.is_closed()) {
        Some(client) => client,
        None => database.dedicated().await?,
    };
    client.batch_execute(PROBE).await?;
    database.clock.set(&client).await?;
    frozen::end_sessions(&client).await?;
    Ok(client)
}
