//! Alerts, behind the trait.

use std::collections::BTreeMap;
use std::sync::Arc;

use deadpool_postgres::Transaction;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;

use super::columns::{count, get, small_count, text, text_or_null};
use super::connection::failure::Failure;
use super::locks::Lock;
use super::moving::record;
use super::store::PostgresStore;
use super::text::kept;
use crate::store::{
    AlertBook, AlertKey, AlertPhase, AlertRound, Alerts, Answer, KeptNotice, NOTICES_MAX,
    NoticeAttempt, NoticeDelivery,
};

const MARK: &str = "SELECT mark_json FROM alert_mark WHERE id = 1";
const SET_MARK: &str = "INSERT INTO alert_mark (id, mark_json) VALUES (1, $1) \
     ON CONFLICT (id) DO UPDATE SET mark_json = excluded.mark_json";
const PHASES: &str = "SELECT rule, thing, phase_json FROM alert_states";
const SET_PHASE: &str = "INSERT INTO alert_states (rule, thing, phase_json) VALUES ($1, $2, $3) \
     ON CONFLICT (rule, thing) DO UPDATE SET phase_json = excluded.phase_json";
const END_PHASE: &str = "DELETE FROM alert_states WHERE rule = $1 AND thing = $2";
const ADD_NOTICE: &str =
    "INSERT INTO alert_notices (notice_json, due_ms, delivery) VALUES ($1, $2, $3)";
// Numbers may have gaps, so it is not enough to compare them.
const DELETE_OLD: &str = "DELETE FROM alert_notices WHERE id <= (SELECT id FROM alert_notices \
     ORDER BY id DESC OFFSET $1 LIMIT 1)";
const NEXT_QUEUED: &str = "SELECT id, notice_json, delivery, attempts, due_ms, ended_ms, error \
     FROM alert_notices WHERE due_ms IS NOT NULL \
     AND NOT EXISTS (SELECT FROM migration WHERE ended_ms IS NULL OR is_leaving) ORDER BY id LIMIT 1";
const HISTORY: &str = "SELECT id, notice_json, delivery, attempts, due_ms, ended_ms, error \
     FROM alert_notices ORDER BY id DESC LIMIT $1";
const SETTLE: &str = "UPDATE alert_notices SET delivery = $2, due_ms = $3, attempts = attempts + $4, \
     error = $5, ended_ms = $6 WHERE id = $1 AND due_ms IS NOT NULL";
const COUNT: &str = "SELECT delivery, count(*) FROM alert_notices GROUP BY delivery";

fn written(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|_| Failure::Column("json"))
}

fn read<T: DeserializeOwned>(row: &Row, at: usize) -> Result<T, Failure> {
    serde_json::from_str(get(row, at)?).map_err(|_| Failure::Column("json"))
}

async fn book(snapshot: &Transaction<'_>) -> Result<AlertBook, Failure> {
    let mark = snapshot.query_opt(MARK, &[]).await?;
    let rows = snapshot.query(PHASES, &[]).await?;
    let phase = |row: &Row| -> Result<(AlertKey, AlertPhase), Failure> {
        Ok((AlertKey { rule: text(row, 0)?, thing: text(row, 1)? }, read(row, 2)?))
    };
    Ok(AlertBook {
        mark: mark.map(|row| read(&row, 0)).transpose()?,
        phases: rows.iter().map(phase).collect::<Result<_, _>>()?,
    })
}

async fn save(transaction: &Transaction<'_>, round: &AlertRound) -> Result<(), Failure> {
    Lock::Alerts.take(transaction).await?;
    if record::is_held(transaction).await? {
        return Ok(());
    }
    for (AlertKey { rule, thing }, phase) in &round.changed {
        let (rule, thing) = (kept(rule), kept(thing));
        if let Some(phase) = phase {
            let set = transaction.prepare_cached(SET_PHASE).await?;
            transaction.execute(&set, &[&rule, &thing, &written(phase)?]).await?;
        } else {
            let end = transaction.prepare_cached(END_PHASE).await?;
            transaction.execute(&end, &[&rule, &thing]).await?;
        }
    }
    for (notice, delivery) in &round.notices {
        let due_ms = (*delivery == NoticeDelivery::Queued).then_some(notice.at_ms);
        let add = transaction.prepare_cached(ADD_NOTICE).await?;
        transaction.execute(&add, &[&written(notice)?, &due_ms, &delivery.name()]).await?;
    }
    if !round.notices.is_empty() {
        let delete = transaction.prepare_cached(DELETE_OLD).await?;
        transaction.execute(&delete, &[&NOTICES_MAX]).await?;
    }
    let set = transaction.prepare_cached(SET_MARK).await?;
    transaction.execute(&set, &[&written(&round.mark)?]).await?;
    Ok(())
}

fn delivery(row: &Row, at: usize) -> Result<NoticeDelivery, Failure> {
    NoticeDelivery::from_name(get(row, at)?).ok_or(Failure::Column("delivery"))
}

fn notice(row: &Row) -> Result<KeptNotice, Failure> {
    Ok(KeptNotice {
        number: get(row, 0)?,
        notice: read(row, 1)?,
        delivery: delivery(row, 2)?,
        attempts: small_count(row, 3)?,
        due_ms: get(row, 4)?,
        ended_ms: get(row, 5)?,
        error: text_or_null(row, 6)?,
    })
}

async fn settle(
    transaction: &Transaction<'_>,
    number: i64,
    attempt: &NoticeAttempt,
    now_ms: i64,
) -> Result<bool, Failure> {
    let (delivery, due_ms, failed, error) = match attempt {
        NoticeAttempt::Sent => (NoticeDelivery::Sent, None, 0_i32, None),
        NoticeAttempt::Retry(due_ms, why) => (NoticeDelivery::Queued, Some(*due_ms), 1, Some(why)),
        NoticeAttempt::Failed(why) => (NoticeDelivery::Failed, None, 1, Some(why)),
    };
    let ended_ms = due_ms.is_none().then_some(now_ms);
    let error = error.map(|why| kept(why));
    let settle = transaction.prepare_cached(SETTLE).await?;
    let changed = transaction
        .execute(&settle, &[&number, &delivery.name(), &due_ms, &failed, &error, &ended_ms])
        .await?;
    Ok(changed == 1)
}

impl Alerts for PostgresStore {
    fn book(&self) -> Answer<'_, AlertBook> {
        Box::pin(
            self.database
                .read("read the alerts", |snapshot| Box::pin(async move { book(snapshot).await })),
        )
    }

    fn save(&self, round: AlertRound) -> Answer<'_, ()> {
        let round = Arc::new(round);
        Box::pin(self.database.transact("save the alerts", move |transaction| {
            let round = Arc::clone(&round);
            Box::pin(async move { save(transaction, &round).await })
        }))
    }

    fn next_queued(&self) -> Answer<'_, Option<KeptNotice>> {
        Box::pin(self.database.read("find a notice to send", |snapshot| {
            Box::pin(async move {
                snapshot.query_opt(NEXT_QUEUED, &[]).await?.as_ref().map(notice).transpose()
            })
        }))
    }

    fn settle(&self, number: i64, attempt: NoticeAttempt, now_ms: i64) -> Answer<'_, bool> {
        let attempt = Arc::new(attempt);
        Box::pin(self.database.transact("settle a notice", move |transaction| {
            let attempt = Arc::clone(&attempt);
            Box::pin(async move { settle(transaction, number, &attempt, now_ms).await })
        }))
    }

    fn history(&self, limit: u32) -> Answer<'_, Vec<KeptNotice>> {
        Box::pin(self.database.read("read the notices", move |snapshot| {
            Box::pin(async move {
                let rows = snapshot.query(HISTORY, &[&i64::from(limit)]).await?;
                rows.iter().map(notice).collect()
            })
        }))
    }

    fn notice_counts(&self) -> Answer<'_, BTreeMap<NoticeDelivery, u64>> {
        Box::pin(self.database.read("count the notices", |snapshot| {
            Box::pin(async move {
                let rows = snapshot.query(COUNT, &[]).await?;
                rows.iter().map(|row| Ok((delivery(row, 0)?, count(row, 1)?))).collect()
            })
        }))
    }
}
