//! `/queues`: the stages, the disk, the clock, and the sinks.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;

use super::sink::{SinkPart, batch, flow, oldest};
use crate::api::cost::Summary;
use crate::api::{self, Params, Queues, StageJson, StreamJson};
use crate::app::App;
use crate::http::problem::Problem;
use crate::web::console::caller::Viewer;
use crate::web::console::frame::Frame;
use crate::web::console::page::Page;
use crate::web::console::shown::{self, Markup};

#[derive(Template)]
#[template(path = "queues/show.html")]
struct QueuesPage {
    frame: Option<Frame>,
    /// What was just done.
    done: Option<Markup>,
    stages: Vec<StageLine>,
    stream: Option<StreamFacts>,
    disk: DiskFacts,
    /// For how long the clock is ahead of what is believed, if it is in doubt.
    doubt: Option<String>,
    sinks: Vec<SinkPart>,
    is_admin: bool,
}

/// One stage.
struct StageLine {
    stage: StageJson,
    name: &'static str,
    class: &'static str,
    state: &'static str,
    flow: String,
    oldest: String,
    batch: String,
    last_error: Option<Markup>,
}

/// What the stream in front of the database holds, in words.
struct StreamFacts {
    class: &'static str,
    text: String,
}

impl StreamFacts {
    fn new(stream: &StreamJson) -> Self {
        let (bytes, max) = (shown::bytes(stream.bytes), shown::bytes(stream.bytes_max));
        let mut text = format!("{} groups wait for the database, {bytes} of {max}.", stream.groups);
        if stream.groups > 0 {
            text += " The oldest waits for ";
            text += &shown::duration(stream.oldest_ms);
            text += ".";
        }
        if stream.unreadable > 0 {
            text += " Some messages cannot be read and stay there: the server's log names them.";
        }
        // Intake stops when it is full, so there must be time to act.
        let is_filling = stream.bytes >= stream.bytes_max / 2;
        let class = if is_filling || stream.unreadable > 0 { "warn" } else { "good" };
        Self { class, text }
    }
}

struct DiskFacts {
    free: String,
    floor: String,
    expected: String,
    is_low: bool,
}

impl StageLine {
    fn new(stage: StageJson, arriving_per_s: f64) -> Self {
        let (class, words) = match stage.state {
            "up" if stage.failing > 0 => ("warn", "Some fail and are retried"),
            "up" => ("good", "Running"),
            "shutting_down" => ("info", "Shutting down"),
            "disk_low" => ("bad", "Refuses events: the disk is nearly full"),
            _ => ("bad", "The database takes no writes"),
        };
        Self {
            name: if stage.name == "intake" { "Intake" } else { "Processing" },
            class,
            state: words,
            flow: flow(Some(arriving_per_s), stage.events_per_s),
            oldest: oldest(stage.oldest_ms, stage.depth),
            batch: batch(stage.batch_ms.p50, stage.batch_ms.p95),
            last_error: stage.last_error.as_deref().map(|text| shown::foreign(text, 200)),
            stage,
        }
    }
}

/// `GET /queues`.
pub(in crate::web::console) async fn show(
    viewer: Viewer<Summary>,
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Page, Problem> {
    let mut params = params.without_empty();
    let sink = params.text("sink").unwrap_or_default();
    let done = params.value("done", "paused, resumed, checked or queued", |text| match text {
        "paused" => Some("Paused"),
        "resumed" => Some("Resumed"),
        "checked" => Some("Checked"),
        "queued" => Some("Queued past events for"),
        _ => None,
    })?;
    params.finish(&[])?;
    let Queues { stages, sinks, disk, retention } = api::read_queues(&app).await?;
    let now_ms = app.clock.now_ms();
    let arriving_per_s = stages.first().map_or(0.0, |intake| intake.events_per_s);
    let doubt = retention.doubt_ms().map(|ms| shown::duration(ms.unsigned_abs()));
    let frame = viewer.frame("/queues");
    Page::render(&QueuesPage {
        done: done.map(|done| Markup(format!("{done} {}.", shown::name(&sink)))),
        stream: stages.iter().find_map(|it| it.stream.as_ref()).map(StreamFacts::new),
        stages: stages.into_iter().map(|stage| StageLine::new(stage, arriving_per_s)).collect(),
        disk: DiskFacts {
            free: shown::bytes(disk.free_bytes),
            floor: shown::bytes(disk.floor_bytes),
            expected: shown::bytes(disk.expected_bytes),
            is_low: disk.free_bytes <= disk.floor_bytes.saturating_add(disk.expected_bytes),
        },
        doubt,
        sinks: sinks.into_iter().map(|it| SinkPart::new(it, now_ms, app.started_ms)).collect(),
        is_admin: frame.as_ref().is_some_and(|frame| frame.is_admin),
        frame,
    })
}
