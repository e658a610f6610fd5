//! What `lamplight top` shows: totals, stages and sinks in lines.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::client::{Api, ClientError};
use crate::terminal::{Column, Paint, Style, Table, clip, escape, width};

/// The answer of `/api/totals`, as far as it is shown.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Totals {
    pub(super) made: u64,
    pub(super) received: u64,
    pub(super) stored: u64,
    pub(super) duplicates: u64,
    pub(super) invalid: u64,
    pub(super) in_flight: u64,
    pub(super) declared: u64,
    pub(super) lost: u64,
    refused: Refused,
    sinks: BTreeMap<String, SinkTotals>,
}

#[derive(Debug, Clone, Deserialize)]
struct Refused {
    by_code: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Deserialize)]
struct SinkTotals {
    sent: u64,
    dead: u64,
    dropped: u64,
}

/// The answer of `/api/queues`, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Queues {
    stages: Vec<Stage>,
    sinks: Vec<Sink>,
    disk: Disk,
}

#[derive(Debug, Deserialize)]
struct Quantiles {
    p50: u32,
    p95: u32,
}

#[derive(Debug, Deserialize)]
struct Stage {
    name: String,
    state: String,
    depth: u64,
    events: u64,
    oldest_ms: u64,
    failing: u64,
    last_error: Option<String>,
    set_aside: u64,
    events_per_s: f64,
    batch_ms: Quantiles,
}

#[derive(Debug, Deserialize)]
struct Sink {
    name: String,
    state: String,
    reason: Option<String>,
    depth: u64,
    oldest_ms: u64,
    failing: u64,
    events_per_s: f64,
}

#[derive(Debug, Deserialize)]
struct Disk {
    free_bytes: u64,
    floor_bytes: u64,
}

/// How a server is doing.
#[derive(Debug)]
pub(super) struct Overview {
    pub(super) totals: Totals,
    queues: Queues,
}

impl Overview {
    pub(super) async fn read(api: &Api) -> Result<Self, ClientError> {
        let totals = api.get("/api/totals", &[]).await?;
        Ok(Self { totals, queues: api.get("/api/queues", &[]).await? })
    }

    /// The lines. `before` are the totals of the look before, which show what has changed.
    pub(super) fn lines(
        &self,
        before: Option<&Totals>,
        columns: Option<usize>,
        paint: Paint,
    ) -> Vec<String> {
        let mut lines = self.events(before, Paint(false));
        let wide = columns.unwrap_or(usize::MAX);
        if lines.iter().all(|line| width(line) <= wide) {
            lines = self.events(before, paint);
        } else {
            for line in &mut lines {
                *line = clip(line, wide).into_owned();
            }
        }
        lines.push(String::new());
        lines.extend(self.stages().lines(columns, paint));
        if !self.queues.sinks.is_empty() {
            lines.push(String::new());
            lines.extend(self.sinks().lines(columns, paint));
        }
        lines.push(String::new());
        let notes = self.notes();
        lines.extend(notes.iter().map(|note| clip(&escape::text(note), wide).into_owned()));
        lines
    }

    fn events(&self, before: Option<&Totals>, paint: Paint) -> Vec<String> {
        let totals = &self.totals;
        let more = |now: u64, pick: fn(&Totals) -> u64| {
            let more = before.map_or(0, |before| now.saturating_sub(pick(before)));
            if more > 0 { format!(" (+{more})") } else { String::new() }
        };
        let lost = format!("lost {}", totals.lost);
        let lost = paint.with(if totals.lost > 0 { Style::Red } else { Style::Green }, &lost);
        vec![
            format!(
                "events    received {}{}  stored {}{}  duplicates {}  invalid {}{}",
                totals.received,
                more(totals.received, |it| it.received),
                totals.stored,
                more(totals.stored, |it| it.stored),
                totals.duplicates,
                totals.invalid,
                more(totals.invalid, |it| it.invalid),
            ),
            format!(
                "numbers   made {}  in flight {}  declared {}  {lost}",
                totals.made, totals.in_flight, totals.declared
            ),
        ]
    }

    fn stages(&self) -> Table {
        let mut table = Table::new([
            Column::text("stage"),
            Column::text("state"),
            Column::number("events/s"),
            Column::number("waiting"),
            Column::number("events"),
            Column::number("oldest"),
            Column::number("failing"),
            Column::number("set aside"),
            Column::number("p50"),
            Column::number("p95"),
        ]);
        for stage in &self.queues.stages {
            table.row([
                stage.name.clone(),
                stage.state.clone(),
                format!("{:.1}", stage.events_per_s),
                stage.depth.to_string(),
                stage.events.to_string(),
                age(stage.oldest_ms),
                stage.failing.to_string(),
                stage.set_aside.to_string(),
                format!("{} ms", stage.batch_ms.p50),
                format!("{} ms", stage.batch_ms.p95),
            ]);
        }
        table
    }

    fn sinks(&self) -> Table {
        let mut table = Table::new([
            Column::text("sink"),
            Column::text("state"),
            Column::number("events/s"),
            Column::number("waiting"),
            Column::number("oldest"),
            Column::number("failing"),
            Column::number("sent"),
            Column::number("dead"),
            Column::number("dropped"),
            Column::text("reason"),
        ]);
        for sink in &self.queues.sinks {
            let totals = self.totals.sinks.get(&sink.name);
            let count = |pick: fn(&SinkTotals) -> u64| totals.map_or(0, pick).to_string();
            table.row([
                sink.name.clone(),
                sink.state.clone(),
                format!("{:.1}", sink.events_per_s),
                sink.depth.to_string(),
                age(sink.oldest_ms),
                sink.failing.to_string(),
                count(|it| it.sent),
                count(|it| it.dead),
                count(|it| it.dropped),
                sink.reason.clone().unwrap_or_default(),
            ]);
        }
        table
    }

    fn notes(&self) -> Vec<String> {
        let Disk { free_bytes, floor_bytes } = self.queues.disk;
        let gib = |bytes: u64| format!("{}.{} GiB", bytes >> 30, (bytes >> 20) % 1024 * 10 / 1024);
        let mut notes = vec![format!(
            "disk      {} free, refuses events below {}",
            gib(free_bytes),
            gib(floor_bytes)
        )];
        let refused = &self.totals.refused.by_code;
        if !refused.is_empty() {
            let counts: Vec<String> =
                refused.iter().map(|(code, count)| format!("{code} {count}")).collect();
            notes.push(format!("refused   {} (requests, since the start)", counts.join("  ")));
        }
        for stage in &self.queues.stages {
            if let Some(error) = &stage.last_error {
                notes.push(format!("{} failed: {error}", stage.name));
            }
        }
        notes
    }
}

/// How long something has been waiting.
fn age(ms: u64) -> String {
    match ms {
        0 => "-".into(),
        1..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{} s", ms / 1_000),
        60_000..3_600_000 => format!("{} min", ms / 60_000),
        3_600_000..172_800_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} d", ms / 86_400_000),
    }
}
