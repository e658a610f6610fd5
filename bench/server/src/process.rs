//! The process stage, in this process: how fast staged payloads become rows, beside a bare loop of
//! prepared inserts of the same rows, on an empty and on a large store.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lamplight_server::metrics::process::ProcessMetrics;
use lamplight_server::process::enrich::Enrichers;
use lamplight_server::process::{Worker, plan};
use lamplight_server::store::EventIdentity::Numbered;
use lamplight_server::store::postgres::{self, Urls};
use lamplight_server::store::sqlite;
use lamplight_server::store::{
    Encoding, EventRef, NewPayload, Opening, PayloadId, PayloadMetadata, Plan, PlannedEvent,
    PlannedOutcome, Storage, WorkerSlot, WriterLimits,
};
use lamplight_server::system::clock::{Clock, SystemClock};
use lamplight_server::system::entropy::SystemEntropy;
use lamplight_server::system::supervisor::Supervisor;
use lamplight_wire::Producer;
use rusqlite::{Connection, params};
use tokio::sync::watch;
use uuid::Uuid;

use crate::spent::Spent;

const WEEK_SCHEMA: [&str; 2] = [
    include_str!("../../../server/migrations/sqlite/week/V1__events.sql"),
    include_str!("../../../server/migrations/sqlite/week/V2__runs.sql"),
];
/// Workers of the process stage, as the server has them on two cores.
pub(crate) const WORKERS: u32 = 2;
/// Payloads that are processed in one turn.
const PAYLOADS: u64 = 10_000;
/// Events in each.
pub(crate) const EVENTS: u64 = 10;
/// Payloads that a worker applies at once; the bare loop commits as often.
pub(crate) const BATCH: usize = 256;
/// Pages that send in turn.
const PAGES: u64 = 1_000;
/// Their numbers start here, where no other page of a store is.
const PAGES_FROM: u64 = 1 << 47;
/// Events of one payload when a store is filled.
const FILL_EVENTS: u64 = 1_000;
/// Over how long the events of a filled store were received: ten weeks.
const FILL_SPAN_MS: u64 = 70 * 24 * 60 * 60 * 1000;
const LOOKUPS: u64 = 2_000;

/// How payloads are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbering {
    /// By producer and sequence number, each payload by a new producer: the most that deduplication
    /// can cost.
    Numbered,
    /// By producer and sequence number, by pages that stay open and take turns, as usual.
    Pages,
    /// Not at all.
    Anonymous,
}

/// Both databases of one server.
pub(crate) struct Bench {
    storage: Storage,
    clock: Arc<dyn Clock>,
    /// How many payloads were made so far. No two are the same.
    made: u64,
    /// What processing has used.
    pub(crate) spent: Spent,
}

impl Bench {
    /// Opens databases in `folder`.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let limits = WriterLimits { queued_bytes_max: 1 << 30 };
        let (intake, store) = (folder.join("intake.db"), folder.join("store.db"));
        Ok(Self {
            storage: sqlite::open(&intake, &store, limits, Vec::new())?,
            clock: Arc::new(SystemClock),
            made: 0,
            spent: Spent::default(),
        })
    }

    /// Opens a database of PostgreSQL.
    pub(crate) async fn open_on(url: &str) -> Result<Self> {
        let limits = WriterLimits { queued_bytes_max: 1 << 30 };
        let urls = Urls { main: url.parse()?, sql: None };
        let opening = Opening::Serve(Vec::new());
        let storage = postgres::open_as(&urls, limits, opening, &Supervisor::default()).await?;
        Ok(Self { storage, clock: Arc::new(SystemClock), made: 0, spent: Spent::default() })
    }

    /// What was opened.
    pub(crate) const fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Stages payloads, then lets `workers` workers process them. Returns events per second.
    pub(crate) async fn process(&mut self, identity: Numbering, workers: u32) -> Result<f64> {
        let mut staging = Vec::new();
        for _ in 0..PAYLOADS {
            self.made += 1;
            let payload = payload(self.made, EVENTS, self.clock.now_ms(), identity);
            staging.push(self.storage.payload_queue.stage(payload));
        }
        for staged in staging {
            staged.await?;
        }
        let (stop, stopped) = watch::channel(false);
        let metrics = Arc::<ProcessMetrics>::default();
        let before = Spent::now()?;
        let started = Instant::now();
        let workers: Vec<_> = WorkerSlot::among(workers)
            .map(|slot| {
                let worker = Worker {
                    slot,
                    payload_queue: Arc::clone(&self.storage.payload_queue),
                    events: Arc::clone(&self.storage.events),
                    clock: Arc::clone(&self.clock),
                    entropy: Arc::new(SystemEntropy),
                    metrics: Arc::clone(&metrics),
                    planner: Arc::new(Enrichers::default()),
                };
                tokio::spawn(worker.run(stopped.clone()))
            })
            .collect();
        // Asking the store itself would take its time.
        while metrics.sums().payloads < PAYLOADS {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let rate = per_second(PAYLOADS * EVENTS, started.elapsed());
        self.spent += Spent::now()? - before;
        stop.send_replace(true);
        for worker in workers {
            worker.await?;
        }
        let left = self.storage.payload_queue.backlog().await?.payloads;
        ensure!(left == 0, "{left} payloads are left");
        Ok(rate)
    }

    /// Stores at least `rows` events, received over the last 10 weeks. Returns rows per second.
    pub(crate) async fn fill(&mut self, rows: u64) -> Result<f64> {
        let started = Instant::now();
        let (payloads, now_ms) = (rows.div_ceil(FILL_EVENTS), self.clock.now_ms());
        let begin_ms = now_ms - i64::try_from(FILL_SPAN_MS)?;
        let mut done = 0;
        while done < payloads {
            let group = (payloads - done).min(32);
            let plans = (done..done + group)
                .map(|at| {
                    let received_ms = begin_ms + i64::try_from(FILL_SPAN_MS * at / payloads)?;
                    Ok(Arc::new(planned(at + 1, FILL_EVENTS, received_ms, Numbering::Numbered)?))
                })
                .collect::<Result<_>>()?;
            self.storage.events.apply(plans, now_ms).await?;
            done += group;
            if done * FILL_EVENTS % 1_000_000 < group * FILL_EVENTS {
                let rate = per_second(done * FILL_EVENTS, started.elapsed());
                println!("  {} of {rows} rows, {rate:.0} rows/s", done * FILL_EVENTS);
            }
        }
        // What follows must be new.
        self.made = self.made.max(payloads);
        Ok(per_second(payloads * FILL_EVENTS, started.elapsed()))
    }

    /// Says that the store holds what `fill` and earlier runs stored. What follows must be new.
    pub(crate) fn holds(&mut self, rows: u64) {
        let now_ms = u64::try_from(self.clock.now_ms()).unwrap_or_default();
        self.made = self.made.max(rows.div_ceil(FILL_EVENTS)).max(now_ms * 1_000);
    }

    /// Looks events up by producer and sequence number, spread over all that `fill` stored. Returns
    /// the median and the 99th percentile.
    pub(crate) async fn look_up(&self, rows: u64) -> Result<(Duration, Duration)> {
        let payloads = rows.div_ceil(FILL_EVENTS);
        let mut times = Vec::new();
        for at in 0..LOOKUPS {
            // A step without a common factor with any of the counts visits everything.
            let payload = at.wrapping_mul(7_919_999_983) % payloads + 1;
            let event = EventRef::Number(producer(payload), at % FILL_EVENTS + 1);
            let started = Instant::now();
            let found = self.storage.reader.event(event).await?;
            times.push(started.elapsed());
            found.context("an event that was stored is not found")?;
        }
        times.sort_unstable();
        Ok((times[times.len() / 2], times[times.len() * 99 / 100]))
    }

    /// Closes the databases.
    pub(crate) async fn close(self) -> Result<()> {
        Ok(self.storage.close().await?)
    }
}

/// A loop of prepared inserts of the same rows into the same table, which commits as often. Returns
/// rows per second.
pub(crate) fn bare_inserts(folder: &Path) -> Result<f64> {
    std::fs::create_dir_all(folder)?;
    let plans: Vec<Plan> = (1..=PAYLOADS)
        .map(|at| planned(at, EVENTS, SystemClock.now_ms(), Numbering::Numbered))
        .collect::<Result<_>>()?;
    let connection = Connection::open(folder.join("bare.db"))?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    connection.execute_batch(&WEEK_SCHEMA.concat())?;
    let started = Instant::now();
    for batch in plans.chunks(BATCH) {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for plan in batch {
            insert(&connection, plan)?;
        }
        connection.execute_batch("COMMIT")?;
    }
    Ok(per_second(PAYLOADS * EVENTS, started.elapsed()))
}

fn insert(connection: &Connection, plan: &Plan) -> Result<()> {
    let mut runs = connection.prepare_cached(
        "INSERT INTO runs (producer, first, last, first_id) VALUES (?1, ?2, ?3, ?4)",
    )?;
    if let Some(PlannedEvent { id, identity: Numbered(producer, first), .. }) = plan.events.first()
    {
        let last = first + plan.events.len() as u64 - 1;
        runs.execute(params![producer.bits().to_be_bytes(), first, last, id.0.as_bytes()])?;
    }
    let mut statement = connection.prepare_cached(
        "INSERT INTO events (id, type, name, source, ts_ms, time_ms, received_ms, created_day, user_id, anonymous_id, \
         session, producer, seq, event_id, payload_id, payload_index, monitor, context, properties) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, NULL, ?14, ?15, ?16, ?17, ?18)",
    )?;
    for event in &plan.events {
        let PlannedOutcome::Store(columns) = &event.outcome else { continue };
        let number = match &event.identity {
            Numbered(producer, seq) => Some((producer.bits().to_be_bytes(), i64::try_from(*seq)?)),
            _ => None,
        };
        statement.execute(params![
            event.id.0.as_bytes(),
            columns.kind.name(),
            columns.name,
            plan.source,
            columns.ts_ms,
            columns.time_ms,
            plan.received_ms,
            plan.created_day,
            columns.user_id,
            columns.anonymous_id,
            columns.session,
            number.map(|(producer, _)| producer),
            number.map(|(_, seq)| seq),
            plan.payload.0.as_bytes(),
            event.index,
            columns.monitor_json,
            columns.context_json,
            columns.properties_json,
        ])?;
    }
    Ok(())
}

/// The page with this number, which started in its millisecond, as the SDK names it.
fn producer(page: u64) -> Producer {
    let random = u128::from(page).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    Producer::begun_at(page, random >> 48)
}

/// The payload with this number: one page's events.
fn payload(number: u64, events: u64, received_ms: i64, identity: Numbering) -> NewPayload {
    let (name, sent_before) = match identity {
        Numbering::Pages => (producer(PAGES_FROM + number % PAGES), number / PAGES * events),
        _ => (producer(number), 0),
    };
    let events_json: Vec<String> = (1..=events)
        .map(|seq| {
            let numbered = match identity {
                Numbering::Anonymous => String::new(),
                _ => format!(r#""producer":"{name}","seq":{},"#, sent_before + seq),
            };
            format!(
                r#"{{"name":"product_viewed","ts":{received_ms},{numbered}"user":{{"id":"user-{}"}},"properties":{{"sku":"A-1029-blue","price":49.9,"list":"spring","position":{seq},"note":"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"}}}}"#,
                number % 100_000
            )
        })
        .collect();
    let body = format!("[{}]", events_json.join(","));
    // The time, as in every id that intake makes, and the number.
    let time = u128::try_from(received_ms).unwrap_or(0) << 80;
    let metadata = PayloadMetadata {
        id: PayloadId(Uuid::from_u128(time | u128::from(number))),
        received_ms,
        key_id: "wk_bench".into(),
        source: "web".into(),
        encoding: Encoding::Identity,
        events: u32::try_from(events).unwrap_or(u32::MAX),
        unpacked_bytes: u32::try_from(body.len()).unwrap_or(u32::MAX),
        user_agent: None,
        origin: None,
        client: None,
    };
    NewPayload { metadata, body: body.into(), home: None }
}

fn planned(number: u64, events: u64, received_ms: i64, identity: Numbering) -> Result<Plan> {
    let NewPayload { metadata, body, .. } = payload(number, events, received_ms, identity);
    plan(&metadata, &body, 1, &Enrichers::default()).context("failed to plan a payload of ours")
}

/// A rate.
pub(crate) fn per_second(count: u64, time: Duration) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    let count = count as f64;
    count / time.as_secs_f64()
}
