//! Trends, behind the trait.

use rusqlite::{Connection, OptionalExtension, params};

use super::file::columns::column_error;
use super::store::SqliteStore;
use super::writer::step::Guard;
use crate::store::read_class::ReadClass;
use crate::store::{
    Answer, PRUNED_MAX, Resolution, Rollups, Sample, TrendMark, TrendQuery, TrendRow, Trends, Week,
    rollup_text, trend,
};

/// Adds a sample to its periods, unless it was recorded already.
fn record(connection: &Connection, sample: &Sample) -> rusqlite::Result<()> {
    let Some(measured) = sample.measure(mark(connection)?.as_ref()) else { return Ok(()) };
    for resolution in Resolution::ALL {
        let begin_ms = resolution.begin_ms(sample.at_ms);
        let known = period(connection, resolution, begin_ms)?;
        let is_new = known.is_none();
        let mut rollups = known.unwrap_or_default();
        trend::add(&mut rollups, &measured.values);
        connection
            .prepare_cached(
                "INSERT INTO trends (resolution, begin_ms, figures_json) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (resolution, begin_ms) DO UPDATE SET figures_json = excluded.figures_json",
            )?
            .execute(params![resolution.number(), begin_ms, rollup_text::write(&rollups)])?;
        if is_new && let Some((from_ms, to_ms)) = sample.kept_ms(resolution) {
            prune(connection, resolution, from_ms, to_ms)?;
        }
    }
    let text = serde_json::to_string(&measured.mark).map_err(|_| column_error(0, "mark_json"))?;
    connection
        .prepare_cached(
            "INSERT INTO trend_mark (id, mark_json) VALUES (1, ?1) \
             ON CONFLICT (id) DO UPDATE SET mark_json = excluded.mark_json",
        )?
        .execute([text])?;
    Ok(())
}

fn mark(connection: &Connection) -> rusqlite::Result<Option<TrendMark>> {
    let text: Option<String> = connection
        .prepare_cached("SELECT mark_json FROM trend_mark WHERE id = 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let read = |text: String| serde_json::from_str(&text);
    text.map(read).transpose().map_err(|_| column_error(0, "mark_json"))
}

fn period(
    connection: &Connection,
    resolution: Resolution,
    begin_ms: i64,
) -> rusqlite::Result<Option<Rollups>> {
    connection
        .prepare_cached("SELECT figures_json FROM trends WHERE resolution = ?1 AND begin_ms = ?2")?
        .query_row(params![resolution.number(), begin_ms], |row| row.get(0))
        .optional()?
        .map(|text: String| rollups(&text))
        .transpose()
}

fn rollups(text: &str) -> rusqlite::Result<Rollups> {
    rollup_text::read(text).ok_or_else(|| column_error(0, "figures_json"))
}

/// Deletes a few periods that begin before `from_ms`, or at `to_ms` or later.
fn prune(
    connection: &Connection,
    resolution: Resolution,
    from_ms: i64,
    to_ms: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM trends WHERE resolution = ?1 AND begin_ms IN (SELECT begin_ms FROM trends \
             WHERE resolution = ?1 AND begin_ms < ?2 ORDER BY begin_ms LIMIT ?3)",
        )?
        .execute(params![resolution.number(), from_ms, PRUNED_MAX])?;
    connection
        .prepare_cached(
            "DELETE FROM trends WHERE resolution = ?1 AND begin_ms IN (SELECT begin_ms FROM trends \
             WHERE resolution = ?1 AND begin_ms >= ?2 ORDER BY begin_ms DESC LIMIT ?3)",
        )?
        .execute(params![resolution.number(), to_ms, PRUNED_MAX])?;
    Ok(())
}

fn periods(connection: &Connection, query: TrendQuery) -> rusqlite::Result<Vec<TrendRow>> {
    let TrendQuery { resolution, from_ms, to_ms, limit } = query;
    connection
        .prepare_cached(
            "SELECT begin_ms, figures_json FROM trends \
             WHERE resolution = ?1 AND begin_ms >= ?2 AND begin_ms < ?3 ORDER BY begin_ms DESC LIMIT ?4",
        )?
        .query_map(params![resolution.number(), from_ms, to_ms, limit], |row| {
            Ok(TrendRow { begin_ms: row.get(0)?, figures: rollups(&row.get::<_, String>(1)?)? })
        })?
        .collect()
}

impl Trends for SqliteStore {
    fn record(&self, sample: Sample) -> Answer<'_, ()> {
        Box::pin(
            self.writer
                .write("record a sample", Guard::Alone, 0, move |files, _| record(files, &sample)),
        )
    }

    fn periods(&self, query: TrendQuery) -> Answer<'_, Vec<TrendRow>> {
        Box::pin(
            self.readers.read(ReadClass::Summary, "read trends", move |connection| {
                periods(connection, query)
            }),
        )
    }

    fn first_event_ms(&self) -> Answer<'_, Option<i64>> {
        Box::pin(self.readers.read(ReadClass::Summary, "read the first week", |connection| {
            let week: Option<u32> = connection
                .prepare_cached("SELECT min(week) FROM weeks WHERE state <> 'removed'")?
                .query_row([], |row| row.get(0))?;
            Ok(week.map(|week| Week::from_number(week).from_ms()))
        }))
    }
}
