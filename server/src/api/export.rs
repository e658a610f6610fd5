//! `GET /api/export`.
//!
//! Pages are read from the newest event to the oldest, each after the last event of the one before,
//! while the client reads the answer. So every event that was there at the beginning is exported
//! exactly once, and nothing is in memory but one page.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode, Version};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::access::Reader;
use super::chunks::Chunks;
use super::cost::Export;
use super::event_json::EventJson;
use super::filter::{self, FILTER};
use super::params::Params;
use super::span::SPAN;
use crate::app::App;
use crate::export::{CSV_HEAD, Format, write_record};
use crate::http::problem::Problem;
use crate::openapi::{Answered, Form, Group, Operation, Param, Shape};
use crate::store::{EventFilter, EventQuery};
use crate::system::supervisor::spawn_logged;

/// Describes [`export`].
pub const EXPORT: Operation = Operation::new(Group::Query, "exportEvents", "Export events as a file")
    .about(
        "All events that match, the last received first, in one answer: one `Event` in JSON on each line, or CSV. \
         Without filters these are all events there are. If the server cannot go on, it cuts the \
         connection, so that a part is never taken for the whole. `lamplight export` continues where it \
         was interrupted.",
    )
    .query(&[&[FORMAT, EXACT], FILTER, SPAN]);
/// `format`.
const FORMAT: Param =
    Param::new("format", Form::OneOf(&["ndjson", "csv"]), "The form of the events")
        .default("ndjson");
/// `exact`.
const EXACT: Param = Param::new(
    "exact",
    Form::Flag,
    "Whether texts in CSV stay as they are, also those that a spreadsheet would run as a formula",
)
.default("false");
/// Events in one page.
const PAGE_EVENTS: u32 = 500;
/// A chunk is sent once it has this many bytes.
const CHUNK_BYTES: usize = 256 * 1024;
/// How long a chunk may wait until the client reads it. Then the export is cut.
const SLOW_MAX: Duration = Duration::from_mins(1);

/// `GET /api/export`: all events that match, as a file.
pub async fn export(
    Reader { place, .. }: Reader<Export>,
    State(app): State<Arc<App>>,
    version: Version,
    mut params: Params,
) -> Result<EventFile, Problem> {
    require_chunks(version)?;
    let format = params.value("format", "ndjson or csv", Format::from_name)?.unwrap_or_default();
    let is_exact = params.flag("exact")?;
    let (filter, _) = filter::read(&mut params)?;
    params.finish(EXPORT.query)?;
    let (chunks, received) = mpsc::channel(1);
    let export = Exporting { app, filter, format, is_exact, chunks };
    spawn_logged("export", async move {
        let chunks = export.chunks.clone();
        if let Err(error) = export.run().await {
            tracing::warn!(%error, "an export was cut");
            // Whoever does not read does not see this either, but the connection ends.
            let _ = tokio::time::timeout(SLOW_MAX, chunks.send(Err(error))).await;
        }
    });
    let (media, extension) = format.media_and_extension();
    let name = format!("attachment; filename=\"events.{extension}\"");
    let mut response = Response::new(Chunks::body(received, place));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend(HeaderValue::from_str(&name).map(|name| (CONTENT_DISPOSITION, name)));
    Ok(EventFile(response))
}

/// Refuses a client that could not tell a part from the whole. Before HTTP/1.1, an answer whose
/// length is not known ends with its connection, also if the server or a proxy was killed.
fn require_chunks(version: Version) -> Result<(), Problem> {
    if version >= Version::HTTP_11 {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::BAD_REQUEST,
        "http_version_too_old",
        "the request came over HTTP/1.0, where a part of an export looks like all of it: use \
         HTTP/1.1, in nginx with `proxy_http_version 1.1;`, or `lamplight export`",
    ))
}

/// The answer of [`export`].
#[derive(Debug)]
pub struct EventFile(Response);

impl Answered for EventFile {
    fn describe(shape: &mut Shape<'_>) {
        shape.answer_text("application/x-ndjson", "The events");
        shape.answer_text("text/csv", "The events");
    }
}

impl IntoResponse for EventFile {
    fn into_response(self) -> Response {
        self.0
    }
}

/// An export on its way.
struct Exporting {
    app: Arc<App>,
    filter: EventFilter,
    format: Format,
    is_exact: bool,
    chunks: mpsc::Sender<io::Result<Bytes>>,
}

impl Exporting {
    async fn run(&self) -> io::Result<()> {
        let mut text = String::new();
        if self.format == Format::Csv {
            text.push_str(CSV_HEAD);
        }
        let mut after = None;
        loop {
            let query = EventQuery { filter: self.filter.clone(), after, limit: PAGE_EVENTS };
            let page = self.app.storage.reader.events(query).await.map_err(io::Error::other)?;
            for event in &page.events {
                let json: Box<RawValue> = serde_json::value::to_raw_value(&EventJson::new(event))?;
                write_record(&mut text, &json, self.format, self.is_exact)?;
                if text.len() >= CHUNK_BYTES && !self.send(&mut text).await? {
                    return Ok(());
                }
            }
            after = page.next;
            if after.is_none() {
                self.send(&mut text).await?;
                return Ok(());
            }
            if self.app.shutdown.has_begun() {
                return Err(io::Error::other("the server is shutting down"));
            }
            if self.chunks.is_closed() {
                return Ok(());
            }
        }
    }

    /// Sends what was written. Whether the client is still there.
    async fn send(&self, text: &mut String) -> io::Result<bool> {
        let chunk = Bytes::from(std::mem::take(text));
        match tokio::time::timeout(SLOW_MAX, self.chunks.send(Ok(chunk))).await {
            Ok(sent) => Ok(sent.is_ok()),
            Err(_) => Err(io::Error::other("its client did not read for 1 minute")),
        }
    }
}
