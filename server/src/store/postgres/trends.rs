//! Trends, behind the trait.

use std::sync::Arc;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::columns::get;
use super::connection::failure::Failure;
use super::locks::Lock;
use super::moving::record;
use super::store::PostgresStore;
use crate::store::{
    Answer, PRUNED_MAX, Resolution, Rollups, Sample, TrendMark, TrendQuery, TrendRow, Trends, Week,
    rollup_text, trend,
};

const MARK: &str = "SELECT mark_json FROM trend_mark WHERE id = 1";
const SET_MARK: &str = "INSERT INTO trend_mark (id, mark_json) VALUES (1, $1) \
     ON CONFLICT (id) DO UPDATE SET mark_json = excluded.mark_json";
const PERIOD: &str = "SELECT figures_json FROM trends WHERE resolution = $1 AND begin_ms = $2";
const SET_PERIOD: &str = "INSERT INTO trends (resolution, begin_ms, figures_json) VALUES ($1, $2, $3) \
     ON CONFLICT (resolution, begin_ms) DO UPDATE SET figures_json = excluded.figures_json";
const PRUNE_OLD: &str = "DELETE FROM trends WHERE resolution = $1 AND begin_ms IN (SELECT begin_ms \
     FROM trends WHERE resolution = $1 AND begin_ms < $2 ORDER BY begin_ms LIMIT $3)";
const PRUNE_NEW: &str = "DELETE FROM trends WHERE resolution = $1 AND begin_ms IN (SELECT begin_ms \
     FROM trends WHERE resolution = $1 AND begin_ms >= $2 ORDER BY begin_ms DESC LIMIT $3)";
const PERIODS: &str = "SELECT begin_ms, figures_json FROM trends \
     WHERE resolution = $1 AND begin_ms >= $2 AND begin_ms < $3 ORDER BY begin_ms DESC LIMIT $4";
const FIRST_WEEK: &str = "SELECT min(week) FROM weeks WHERE NOT is_removed";

fn number(resolution: Resolution) -> i16 {
    i16::try_from(resolution.number()).unwrap_or(i16::MAX)
}

/// Adds a sample to its periods, unless it was recorded already.
async fn record(transaction: &Transaction<'_>, sample: &Sample) -> Result<(), Failure> {
    Lock::Trends.take(transaction).await?;
    if record::is_held(transaction).await? {
        return Ok(());
    }
    let mark = mark(transaction).await?;
    let Some(measured) = sample.measure(mark.as_ref()) else { return Ok(()) };
    for resolution in Resolution::ALL {
        let begin_ms = resolution.begin_ms(sample.at_ms);
        let known = period(transaction, resolution, begin_ms).await?;
        let is_new = known.is_none();
        let mut rollups = known.unwrap_or_default();
        trend::add(&mut rollups, &measured.values);
        let set = transaction.prepare_cached(SET_PERIOD).await?;
        let text = rollup_text::write(&rollups);
        transaction.execute(&set, &[&number(resolution), &begin_ms, &text]).await?;
        if is_new && let Some((from_ms, to_ms)) = sample.kept_ms(resolution) {
            for (sql, at_ms) in [(PRUNE_OLD, from_ms), (PRUNE_NEW, to_ms)] {
                let prune = transaction.prepare_cached(sql).await?;
                let max = i64::from(PRUNED_MAX);
                transaction.execute(&prune, &[&number(resolution), &at_ms, &max]).await?;
            }
        }
    }
    let text = serde_json::to_string(&measured.mark).map_err(|_| Failure::Column("mark_json"))?;
    let set = transaction.prepare_cached(SET_MARK).await?;
    transaction.execute(&set, &[&text]).await?;
    Ok(())
}

async fn mark(transaction: &Transaction<'_>) -> Result<Option<TrendMark>, Failure> {
    let mark = transaction.prepare_cached(MARK).await?;
    let Some(row) = transaction.query_opt(&mark, &[]).await? else { return Ok(None) };
    serde_json::from_str(get(&row, 0)?).map_err(|_| Failure::Column("mark_json"))
}

async fn period(
    transaction: &Transaction<'_>,
    resolution: Resolution,
    begin_ms: i64,
) -> Result<Option<Rollups>, Failure> {
    let period = transaction.prepare_cached(PERIOD).await?;
    let row = transaction.query_opt(&period, &[&number(resolution), &begin_ms]).await?;
    row.map(|row| rollups(&row, 0)).transpose()
}

fn rollups(row: &Row, at: usize) -> Result<Rollups, Failure> {
    rollup_text::read(get(row, at)?).ok_or(Failure::Column("figures_json"))
}

fn trend_row(row: &Row) -> Result<TrendRow, Failure> {
    Ok(TrendRow { begin_ms: get(row, 0)?, figures: rollups(row, 1)? })
}

impl Trends for PostgresStore {
    fn record(&self, sample: Sample) -> Answer<'_, ()> {
        let sample = Arc::new(sample);
        Box::pin(self.database.transact("record a sample", move |transaction| {
            let sample = Arc::clone(&sample);
            Box::pin(async move { record(transaction, &sample).await })
        }))
    }

    fn periods(&self, query: TrendQuery) -> Answer<'_, Vec<TrendRow>> {
        Box::pin(self.database.read("read trends", move |snapshot| {
            Box::pin(async move {
                let TrendQuery { resolution, from_ms, to_ms, limit } = query;
                let periods = snapshot.prepare_cached(PERIODS).await?;
                let (number, limit) = (number(resolution), i64::from(limit));
                let rows = snapshot.query(&periods, &[&number, &from_ms, &to_ms, &limit]).await?;
                rows.iter().map(trend_row).collect()
            })
        }))
    }

    fn first_event_ms(&self) -> Answer<'_, Option<i64>> {
        Box::pin(self.database.read("read the first week", |snapshot| {
            Box::pin(async move {
                let week: Option<i32> = get(&snapshot.query_one(FIRST_WEEK, &[]).await?, 0)?;
                let week = week.map(u32::try_from).transpose();
                let week = week.map_err(|_| Failure::Column("week"))?;
                Ok(week.map(|week| Week::from_number(week).from_ms()))
            })
        }))
    }
}
