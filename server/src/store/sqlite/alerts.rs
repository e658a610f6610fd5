//! Alerts, behind the trait.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::file::columns::column_error;
use super::store::SqliteStore;
use super::writer::step::Guard;
use crate::store::read_class::ReadClass;
use crate::store::{
    AlertBook, AlertKey, AlertPhase, AlertRound, Alerts, Answer, KeptNotice, NOTICES_MAX,
    NoticeAttempt, NoticeDelivery,
};

fn written(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|_| column_error(0, "json"))
}

fn read<T: DeserializeOwned>(at: usize, text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|_| column_error(at, "json"))
}

fn book(connection: &Connection) -> rusqlite::Result<AlertBook> {
    let mark: Option<String> = connection
        .prepare_cached("SELECT mark_json FROM alert_mark WHERE id = 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let phases = connection
        .prepare_cached("SELECT rule, thing, phase_json FROM alert_states")?
        .query_map([], |row| {
            let text: String = row.get(2)?;
            Ok((AlertKey { rule: row.get(0)?, thing: row.get(1)? }, read(2, &text)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(AlertBook { mark: mark.map(|text| read(0, &text)).transpose()?, phases })
}

fn set(
    connection: &Connection,
    AlertKey { rule, thing }: &AlertKey,
    phase: Option<&AlertPhase>,
) -> rusqlite::Result<()> {
    match phase {
        Some(phase) => connection
            .prepare_cached(
                "INSERT INTO alert_states (rule, thing, phase_json) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (rule, thing) DO UPDATE SET phase_json = excluded.phase_json",
            )?
            .execute(params![rule, thing, written(phase)?])?,
        None => connection
            .prepare_cached("DELETE FROM alert_states WHERE rule = ?1 AND thing = ?2")?
            .execute([rule, thing])?,
    };
    Ok(())
}

fn save(connection: &Connection, round: &AlertRound) -> rusqlite::Result<()> {
    for (key, phase) in &round.changed {
        set(connection, key, phase.as_ref())?;
    }
    for (notice, delivery) in &round.notices {
        let due_ms = (*delivery == NoticeDelivery::Queued).then_some(notice.at_ms);
        connection
            .prepare_cached(
                "INSERT INTO alert_notices (notice_json, due_ms, delivery) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![written(notice)?, due_ms, delivery.name()])?;
        connection
            .prepare_cached("DELETE FROM alert_notices WHERE id <= ?1")?
            .execute([connection.last_insert_rowid().saturating_sub(NOTICES_MAX)])?;
    }
    connection
        .prepare_cached(
            "INSERT INTO alert_mark (id, mark_json) VALUES (1, ?1) \
             ON CONFLICT (id) DO UPDATE SET mark_json = excluded.mark_json",
        )?
        .execute([written(&round.mark)?])?;
    Ok(())
}

const COLUMNS: &str = "id, notice_json, delivery, attempts, due_ms, ended_ms, error";

fn delivery(row: &Row<'_>, at: usize) -> rusqlite::Result<NoticeDelivery> {
    let name: String = row.get(at)?;
    NoticeDelivery::from_name(&name).ok_or_else(|| column_error(at, "delivery"))
}

fn notice(row: &Row<'_>) -> rusqlite::Result<KeptNotice> {
    let text: String = row.get(1)?;
    Ok(KeptNotice {
        number: row.get(0)?,
        notice: read(1, &text)?,
        delivery: delivery(row, 2)?,
        attempts: row.get(3)?,
        due_ms: row.get(4)?,
        ended_ms: row.get(5)?,
        error: row.get(6)?,
    })
}

fn settle(
    connection: &Connection,
    number: i64,
    attempt: &NoticeAttempt,
    now_ms: i64,
) -> rusqlite::Result<bool> {
    let (delivery, due_ms, failed, error) = match attempt {
        NoticeAttempt::Sent => (NoticeDelivery::Sent, None, 0, None),
        NoticeAttempt::Retry(due_ms, why) => (NoticeDelivery::Queued, Some(*due_ms), 1, Some(why)),
        NoticeAttempt::Failed(why) => (NoticeDelivery::Failed, None, 1, Some(why)),
    };
    let ended_ms = due_ms.is_none().then_some(now_ms);
    let changed = connection
        .prepare_cached(
            "UPDATE alert_notices SET delivery = ?2, due_ms = ?3, attempts = attempts + ?4, error = ?5, \
             ended_ms = ?6 WHERE id = ?1 AND due_ms IS NOT NULL",
        )?
        .execute(params![number, delivery.name(), due_ms, failed, error, ended_ms])?;
    Ok(changed == 1)
}

impl Alerts for SqliteStore {
    fn book(&self) -> Answer<'_, AlertBook> {
        Box::pin(
            self.readers.read(ReadClass::Summary, "read the alerts", |connection| book(connection)),
        )
    }

    fn save(&self, round: AlertRound) -> Answer<'_, ()> {
        Box::pin(
            self.writer
                .write("save the alerts", Guard::Alone, 0, move |files, _| save(files, &round)),
        )
    }

    fn next_queued(&self) -> Answer<'_, Option<KeptNotice>> {
        Box::pin(self.readers.read(ReadClass::Summary, "find a notice to send", |connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM alert_notices INDEXED BY alert_notices_queued \
                     WHERE due_ms IS NOT NULL ORDER BY id LIMIT 1"
                ))?
                .query_row([], notice)
                .optional()
        }))
    }

    fn settle(&self, number: i64, attempt: NoticeAttempt, now_ms: i64) -> Answer<'_, bool> {
        Box::pin(self.writer.write("settle a notice", Guard::Alone, 0, move |files, _| {
            settle(files, number, &attempt, now_ms)
        }))
    }

    fn history(&self, limit: u32) -> Answer<'_, Vec<KeptNotice>> {
        Box::pin(self.readers.read(ReadClass::Summary, "read the notices", move |connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM alert_notices ORDER BY id DESC LIMIT ?1"
                ))?
                .query_map([limit], notice)?
                .collect()
        }))
    }

    fn notice_counts(&self) -> Answer<'_, BTreeMap<NoticeDelivery, u64>> {
        Box::pin(self.readers.read(ReadClass::Summary, "count the notices", |connection| {
            let mut statement = connection.prepare_cached("SELECT delivery FROM alert_notices")?;
            let mut rows = statement.query([])?;
            let mut counts = BTreeMap::<NoticeDelivery, u64>::new();
            while let Some(row) = rows.next()? {
                *counts.entry(delivery(row, 0)?).or_default() += 1;
            }
            Ok(counts)
        }))
    }
}
