//! The statement that writes a group of payloads.

use std::borrow::Cow;
use std::collections::BTreeSet;

use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use crate::store::postgres::columns::int;
use crate::store::postgres::connection::failure::Failure;
use crate::store::postgres::lanes::LANE;
use crate::store::postgres::text::kept;
use crate::store::staging::Pending;
use crate::store::{RowId, Week};

/// Whether payloads may be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Try {
    /// They are new. One that is not makes the statement fail.
    First,
    /// They may have been written by an earlier try whose answer got lost. Those are left as they
    /// are, and so is the queue, which they may have left since.
    Again,
}

/// Writes payloads, their rows in the queue and the counts of those. Looking for payloads that are
/// there already takes the database a fifth longer, so the first try does not.
pub(crate) fn stage_sql(tried: Try) -> String {
    let unless_there = match tried {
        Try::First => "",
        Try::Again => "ON CONFLICT (id) DO NOTHING",
    };
    format!(
        "WITH staged AS (\
           INSERT INTO payloads (id, received_ms, key_id, source, encoding, events, unpacked_bytes, user_agent, \
             origin, client, body) \
           SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::integer[], \
             $7::integer[], $8::text[], $9::text[], $10::text[], $11::bytea[]) \
           {unless_there} RETURNING id, received_ms, events, unpacked_bytes), \
         queued AS (\
           INSERT INTO payload_queue (id, share, due_ms, received_ms, events, unpacked_bytes) \
           SELECT id, $12::smallint, 0, received_ms, events, unpacked_bytes FROM staged) \
         UPDATE queue_counts SET payloads = payloads + (SELECT count(*) FROM staged), \
           events = events + (SELECT coalesce(sum(events), 0) FROM staged) WHERE lane = {LANE}"
    )
}

/// The weeks of these payloads, which follow from their ids.
pub(super) fn weeks(group: &[Pending]) -> BTreeSet<Week> {
    group.iter().map(|pending| Week::of_row(RowId(pending.payload.metadata.id.0))).collect()
}

/// The statements of a connection.
#[derive(Debug)]
pub(super) struct Statements {
    first: Statement,
    again: Statement,
}

impl Statements {
    /// Prepares them.
    pub(super) async fn prepare(client: &Client) -> Result<Self, Failure> {
        let first = client.prepare(&stage_sql(Try::First)).await?;
        Ok(Self { first, again: client.prepare(&stage_sql(Try::Again)).await? })
    }

    const fn of(&self, tried: Try) -> &Statement {
        match tried {
            Try::First => &self.first,
            Try::Again => &self.again,
        }
    }
}

/// Writes these payloads. They are committed when this returns `Ok`.
pub(super) async fn write(
    client: &Client,
    statements: &Statements,
    tried: Try,
    group: &[Pending],
    share: i16,
) -> Result<(), Failure> {
    let all = || group.iter().map(|pending| &pending.payload.metadata);
    let ids: Vec<Uuid> = all().map(|it| it.id.0).collect();
    let received: Vec<i64> = all().map(|it| it.received_ms).collect();
    let keys: Vec<Cow<'_, str>> = all().map(|it| kept(&it.key_id)).collect();
    let sources: Vec<Cow<'_, str>> = all().map(|it| kept(&it.source)).collect();
    let encodings: Vec<&str> = all().map(|it| it.encoding.name()).collect();
    let events: Vec<i32> = all().map(|it| int(it.events)).collect();
    let bytes: Vec<i32> = all().map(|it| int(it.unpacked_bytes)).collect();
    let agents: Vec<_> = all().map(|it| it.user_agent.as_deref().map(kept)).collect();
    let origins: Vec<_> = all().map(|it| it.origin.as_deref().map(kept)).collect();
    let clients: Vec<_> = all().map(|it| it.client.as_deref().map(kept)).collect();
    let bodies: Vec<&[u8]> = group.iter().map(|pending| pending.payload.body.as_ref()).collect();
    client
        .execute(
            statements.of(tried),
            &[
                &ids, &received, &keys, &sources, &encodings, &events, &bytes, &agents, &origins,
                &clients, &bodies, &share,
            ],
        )
        .await?;
    Ok(())
}
