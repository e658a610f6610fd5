//! `GET /api/live`: streams events as they are stored, as server-sent events (HTML standard,
//! section 9.2).
//!
//! The id of each message is the event's position in the order of storing, so a client that
//! reconnects with `Last-Event-ID` continues after the last event that it received. Positions
//! survive restarts. If the order is no longer stored back to that position, the stream first sends
//! a `gap` message.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use tokio::sync::{mpsc, watch};

use super::access::Reader;
use super::cost::Stream;
use super::event_json::EventJson;
use super::filter::{self, FILTER};
use super::params::Params;
use super::places::Place;
use super::span::SPAN;
use crate::app::App;
use crate::http::problem::Problem;
use crate::keys::keyring::HeldKey;
use crate::openapi::{Answered, Form, Group, Operation, Param, Shape};
use crate::store::{EventFilter, LivePosition, LiveTail};
use crate::system::supervisor::spawn_logged;

/// Describes [`live`].
pub const LIVE: Operation = Operation::new(Group::Query, "watchEvents", "Watch events arrive")
    .about(
        "A stream of server-sent events that stays open. Each stored event is an `event` message, whose \
         data is an `Event` in JSON. A `gap` message says that the server no longer has everything \
         since the last id. The stream ends with an `end` message if its client reads too slowly.",
    )
    .query(&[FILTER, SPAN, &[AFTER]])
    .headers(&[Param::new(
        "Last-Event-ID",
        Form::Text,
        "The id of the last message that was received. The stream continues after it. Counts more \
         than `after`",
    )]);
/// `after`.
const AFTER: Param = Param::new(
    "after",
    Form::Pattern("^[0-9]{1,18}\\.[0-9]{1,9}$"),
    "The id of a message of this stream",
);
/// Most events that are read at once for one stream.
const EVENTS_MAX: u32 = 200;
/// Chunks that may wait for one client to read them. Until it does, no more events are read for it.
const CHUNKS_MAX: usize = 1;
/// How long a chunk may wait until the client reads it. Then the stream ends, and with it the
/// memory and the place that it takes. The client continues with its last id when it reconnects.
const SLOW_MAX: Duration = Duration::from_secs(15);
/// The last message of a stream that ends because its client reads too slowly.
const TOO_SLOW: &str = "event: end\ndata: {\"code\":\"too_slow\",\"detail\":\"this stream ended because its \
    events were not read for 15 s: reconnect with the last id as Last-Event-ID, and read faster or \
    filter more\"}\n\n";
/// How long to wait after a change, so that more events are read at once.
const BATCH_WAIT: Duration = Duration::from_millis(100);
/// How often an idle stream sends a keep-alive, so that proxies do not close it. It also looks for
/// events then, because another process may have stored some.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How long a client waits before it reconnects, in milliseconds.
const RECONNECT_MS: u32 = 1_000;

/// `GET /api/live`.
pub async fn live(
    Reader { token, place, .. }: Reader<Stream>,
    State(app): State<Arc<App>>,
    mut params: Params,
    headers: HeaderMap,
) -> Result<EventStream, Problem> {
    let (filter, _) = filter::read(&mut params)?;
    let after = params.value("after", "the id of a message of this stream", read_position)?;
    params.finish(LIVE.query)?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let position = match last.and_then(read_position).or(after) {
        Some(position) => position,
        None => app.storage.reader.live_end().await?,
    };
    let (chunks, received) = mpsc::channel(CHUNKS_MAX + 1);
    // There is always room for the last message.
    let last = chunks.clone().try_reserve_owned().ok();
    let stream = LiveStream { app, token, filter, position, chunks };
    spawn_logged("live stream", async move {
        if let (Err(TooSlow), Some(last)) = (stream.run().await, last) {
            last.send(Bytes::from_static(TOO_SLOW.as_bytes()));
        }
    });
    let mut response = Response::new(Body::new(Chunks { received, _place: place }));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Without this, nginx holds events back until a buffer is full.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(EventStream(response))
}

/// The answer of [`live`].
#[derive(Debug)]
pub struct EventStream(Response);

impl Answered for EventStream {
    fn describe(shape: &mut Shape<'_>) {
        shape.answer_text("text/event-stream", "Events, as they are stored");
    }
}

impl IntoResponse for EventStream {
    fn into_response(self) -> Response {
        self.0
    }
}

fn read_position(text: &str) -> Option<LivePosition> {
    let (payload, index) = text.split_once('.')?;
    let payload = payload.parse().ok().filter(|payload| *payload >= 0)?;
    Some(LivePosition { payload, index: index.parse().ok()? })
}

/// One client's stream.
struct LiveStream {
    app: Arc<App>,
    token: Arc<HeldKey>,
    filter: EventFilter,
    position: LivePosition,
    chunks: mpsc::Sender<Bytes>,
}

/// The client reads too slowly.
struct TooSlow;

impl LiveStream {
    /// Sends events as they are stored, until the client disconnects or the server shuts down.
    async fn run(mut self) -> Result<(), TooSlow> {
        let mut changes = self.app.storage.reader.changes();
        let mut shutdown = self.app.shutdown.subscribe();
        // A client that is disconnected before the first event continues from here.
        let position = write_position(self.position);
        let hello = format!("retry: {RECONNECT_MS}\nid: {position}\n\n");
        if !self.send(hello).await? {
            return Ok(());
        }
        loop {
            changes.mark_unchanged();
            let tail =
                self.app.storage.reader.live(self.filter.clone(), self.position, EVENTS_MAX).await;
            let Ok(tail) = tail else { return Ok(()) };
            self.position = tail.next;
            let text = write(&tail);
            let sent = async { Ok(text.is_empty() || self.send(text).await?) };
            tokio::select! {
                sent = sent => if !sent? { return Ok(()) },
                () = shutdown_begun(&mut shutdown) => return Ok(()),
            }
            if tail.has_more {
                continue;
            }
            tokio::select! {
                _ = changes.changed() => tokio::time::sleep(BATCH_WAIT).await,
                () = tokio::time::sleep(KEEP_ALIVE) => {
                    // An id alone moves the client's position past events that did not match.
                    let keep_alive = format!("id: {}\n\n", write_position(self.position));
                    if !self.send(keep_alive).await? {
                        return Ok(());
                    }
                }
                () = shutdown_begun(&mut shutdown) => return Ok(()),
                () = self.chunks.closed() => return Ok(()),
            }
            // A token that was disabled meanwhile must not read further.
            if !self.app.keyring.is_valid(&self.token) {
                return Ok(());
            }
        }
    }

    /// Sends a chunk. Whether the client is still there.
    async fn send(&self, text: String) -> Result<bool, TooSlow> {
        let sent = tokio::time::timeout(SLOW_MAX, self.chunks.send(text.into())).await;
        sent.map(|sent| sent.is_ok()).map_err(|_| TooSlow)
    }
}

/// Waits until the server's shutdown begins.
async fn shutdown_begun(begun: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and then the server is gone as well.
    drop(begun.wait_for(|begun| *begun).await);
}

fn write_position(LivePosition { payload, index }: LivePosition) -> String {
    format!("{payload}.{index}")
}

/// The messages for these events.
fn write(tail: &LiveTail) -> String {
    let mut text = String::new();
    if tail.has_gap {
        text.push_str("event: gap\ndata: {}\n\n");
    }
    for (position, event) in &tail.events {
        // JSON has no line breaks in strings, but the client's JSON may have some between values.
        let json = serde_json::to_string(&EventJson::new(event)).unwrap_or_default();
        let json = json.replace(['\n', '\r'], " ");
        let parts = ["id: ", &write_position(*position), "\nevent: event\ndata: ", &json, "\n\n"];
        text.extend(parts);
    }
    text
}

/// The chunks of a stream, as a body. It has the stream's place, because chunks take memory until
/// the connection has written them.
struct Chunks {
    received: mpsc::Receiver<Bytes>,
    _place: Place,
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.received.poll_recv(context).map(|chunk| chunk.map(|bytes| Ok(Frame::data(bytes))))
    }
}
