//! `GET /api/live`: events as they are stored, as server-sent events (HTML standard, section 9.2).
//!
//! Each event's id is its place in the order of storing, so a browser that reconnects with `Last-Event-ID` goes on where
//! it was. The place survives restarts. A client that was away for so long that the order is no longer
//! kept that far back is told by an event `gap`.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::Frame;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};

use super::event_json::EventJson;
use super::params::Params;
use super::{check_token, filter};
use crate::app::App;
use crate::http::problem::Problem;
use crate::keys::keyring::HeldKey;
use crate::store::{EventFilter, LivePosition, LiveTail};

const KNOWN: &str = "name, type, source, user, producer, from, to, prop.<path>, after";
/// Most events read at once for one client.
const EVENTS_MAX: u32 = 200;
/// Parts that may wait for one client to read them. Nothing more is read for it before it does.
const PARTS_MAX: usize = 2;
/// How long to gather what is stored before it is read for a client.
const GATHER: Duration = Duration::from_millis(100);
/// A sign of life for whatever stands between, when nothing happens. Others may store, too, so it also looks then.
const IDLE: Duration = Duration::from_secs(10);
/// How long a client is to wait before it connects again, in milliseconds.
const RECONNECT_MS: u32 = 1_000;

/// `GET /api/live`.
pub async fn live(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    match open(&app, &headers, query.as_deref()).await {
        Ok(body) => {
            let mut response = Response::new(Body::new(body));
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            // Asks nginx not to hold events back until a buffer is full.
            headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
            response
        }
        Err(problem) => problem.into_response(),
    }
}

async fn open(app: &Arc<App>, headers: &HeaderMap, query: Option<&str>) -> Result<Parts, Problem> {
    let token = check_token(app, headers)?;
    let mut params = Params::read(query)?;
    let filter = filter::read(&mut params)?;
    let after = params.value("after", "the id of an event of this stream", read_position)?;
    params.finish(KNOWN)?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let place = Arc::clone(&app.live_places).try_acquire_owned().map_err(|_| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "live_full",
            "as many follow the live view as may; close another one, or try again",
        )
        .retry_after_s(5)
    })?;
    let position = match last.and_then(read_position).or(after) {
        Some(position) => position,
        None => app.storage.reader.live_end().await?,
    };
    let (parts, received) = mpsc::channel(PARTS_MAX);
    let client = Client { app: Arc::clone(app), token, filter, position, parts, _place: place };
    tokio::spawn(client.follow());
    Ok(Parts(received))
}

fn read_position(text: &str) -> Option<LivePosition> {
    let (payload, index) = text.split_once('.')?;
    let payload = payload.parse().ok().filter(|payload| *payload >= 0)?;
    Some(LivePosition { payload, index: index.parse().ok()? })
}

/// One who follows.
struct Client {
    app: Arc<App>,
    token: Arc<HeldKey>,
    filter: EventFilter,
    position: LivePosition,
    parts: mpsc::Sender<Bytes>,
    _place: OwnedSemaphorePermit,
}

impl Client {
    /// Sends what is stored until the client has gone or the server stops.
    async fn follow(mut self) {
        let (mut changes, mut draining) = (self.app.storage.reader.changes(), self.app.draining());
        let hello = format!("retry: {RECONNECT_MS}\n\n");
        if self.parts.send(hello.into()).await.is_err() {
            return;
        }
        loop {
            changes.mark_unchanged();
            let tail =
                self.app.storage.reader.live(self.filter.clone(), self.position, EVENTS_MAX).await;
            let Ok(tail) = tail else { return };
            self.position = tail.next;
            let text = write(&tail);
            let sent = async { text.is_empty() || self.parts.send(text.into()).await.is_ok() };
            tokio::select! {
                sent = sent => if !sent { return },
                () = drained(&mut draining) => return,
            }
            if tail.has_more {
                continue;
            }
            tokio::select! {
                _ = changes.changed() => tokio::time::sleep(GATHER).await,
                () = tokio::time::sleep(IDLE) => {
                    // An id alone moves the place to go on from past events that did not match.
                    let sign = format!("id: {}\n\n", write_position(self.position));
                    if self.parts.send(sign.into()).await.is_err() {
                        return;
                    }
                }
                () = drained(&mut draining) => return,
                () = self.parts.closed() => return,
            }
            // A token that was disabled meanwhile reads no further.
            if !self.app.keyring.is_valid(&self.token) {
                return;
            }
        }
    }
}

/// Ends when the server is asked to stop.
async fn drained(draining: &mut watch::Receiver<bool>) {
    // An error means that whoever could ask is gone, which is as good.
    drop(draining.wait_for(|draining| *draining).await);
}

fn write_position(LivePosition { payload, index }: LivePosition) -> String {
    format!("{payload}.{index}")
}

/// A part of the stream.
fn write(tail: &LiveTail) -> String {
    let mut text = String::new();
    if tail.has_gap {
        text.push_str("event: gap\ndata: {}\n\n");
    }
    for (position, event) in &tail.events {
        // Within strings JSON has no line ends. Between values what a client sent may have some.
        let json = serde_json::to_string(&EventJson::new(event)).unwrap_or_default();
        let json = json.replace(['\n', '\r'], " ");
        let parts = ["id: ", &write_position(*position), "\nevent: event\ndata: ", &json, "\n\n"];
        text.extend(parts);
    }
    text
}

/// The parts of a stream, as a body.
struct Parts(mpsc::Receiver<Bytes>);

impl http_body::Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|part| part.map(|bytes| Ok(Frame::data(bytes))))
    }
}
