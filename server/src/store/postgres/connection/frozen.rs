//! Sessions of servers that are frozen and hold what others wait for.
//!
//! The database ends a transaction whose server sends no next statement. But while it waits for the
//! rows of a `COPY`, or for its client to take an answer, none of its timeouts apply. So servers
//! end such sessions of each other.

use tokio_postgres::Client;

use super::failure::Failure;

/// Ends sessions of servers that wait for their server longer than a transaction may idle, and that
/// another session waits for. A server that goes on finds its transaction undone, and repeats it.
const END: &str = "SELECT count(pg_terminate_backend(holder.pid)) FROM \
     (SELECT DISTINCT unnest(pg_blocking_pids(pid)) AS pid FROM pg_stat_activity \
      WHERE datname = current_database() AND wait_event_type = 'Lock' \
      AND query_start < clock_timestamp() - interval '2 s') AS blocking \
     JOIN pg_stat_activity AS holder USING (pid) \
     WHERE holder.datname = current_database() AND holder.usename = current_user \
     AND holder.application_name = current_setting('application_name') \
     AND holder.state = 'active' AND holder.wait_event_type = 'Client' \
     AND holder.query_start < clock_timestamp() - interval '10 s'";

/// Ends the sessions of servers that are frozen and hold what others wait for.
pub(super) async fn end_sessions(client: &Client) -> Result<(), Failure> {
    let ended: i64 = client.query_one(END, &[]).await?.try_get(0)?;
    if ended > 0 {
        tracing::warn!(
            ended,
            "ended sessions of the database whose server is frozen: others waited for what they held"
        );
    }
    Ok(())
}
