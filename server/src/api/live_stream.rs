//! A stream of server-sent events (HTML standard, section 9.2), which events are written to as they
//! are stored.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use tokio::sync::{mpsc, watch};

use super::chunks::Chunks;
use super::places::Place;
use super::sender::Sender;
use crate::app::App;
use crate::keys::keyring::HeldKey;
use crate::openapi::{Answered, Shape};
use crate::store::{EventFilter, EventRow, LivePlace, LiveTail};
use crate::system::supervisor::spawn_logged;

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

/// What a stream shows.
#[derive(Debug)]
pub(crate) struct LiveAsk {
    /// Which events.
    pub(crate) filter: EventFilter,
    /// The place to continue after.
    pub(crate) place: LivePlace,
    /// Only events of this client.
    pub(crate) sender: Option<Sender>,
}

/// A stream as an answer.
#[derive(Debug)]
pub struct EventStream(Response);

impl EventStream {
    /// Opens a stream for the holder of `token`, which takes `place`. `write` gives the data of an
    /// event's message.
    pub(crate) fn open(
        app: Arc<App>,
        token: Arc<HeldKey>,
        place: Place,
        ask: LiveAsk,
        write: impl Fn(&EventRow) -> String + Send + Sync + 'static,
    ) -> Self {
        let (chunks, received) = mpsc::channel(CHUNKS_MAX + 1);
        // There is always room for the last message.
        let last = chunks.clone().try_reserve_owned().ok();
        let stream = LiveStream { app, token, ask, write, chunks };
        spawn_logged("live stream", async move {
            if let (Err(TooSlow), Some(last)) = (stream.run().await, last) {
                last.send(Ok(Bytes::from_static(TOO_SLOW.as_bytes())));
            }
        });
        let mut response = Response::new(Chunks::body(received, place));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // Without this, nginx holds events back until a buffer is full.
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        Self(response)
    }
}

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

/// One client's stream.
struct LiveStream<W> {
    app: Arc<App>,
    token: Arc<HeldKey>,
    ask: LiveAsk,
    write: W,
    chunks: mpsc::Sender<io::Result<Bytes>>,
}

/// The client reads too slowly.
struct TooSlow;

impl<W: Fn(&EventRow) -> String> LiveStream<W> {
    /// Sends events as they are stored, until the client disconnects or the server shuts down.
    async fn run(mut self) -> Result<(), TooSlow> {
        let mut changes = self.app.storage.reader.changes();
        let mut shutdown = self.app.shutdown.subscribe();
        // A client that is disconnected before the first event continues from here.
        let hello = format!("retry: {RECONNECT_MS}\nid: {}\n\n", self.ask.place);
        if !self.send(hello).await? {
            return Ok(());
        }
        loop {
            changes.mark_unchanged();
            let Some(tail) = self.read().await else { return Ok(()) };
            let text = self.messages(&tail);
            let has_more = tail.has_more;
            self.ask.place = tail.next;
            let sent = async { Ok(text.is_empty() || self.send(text).await?) };
            tokio::select! {
                sent = sent => if !sent? { return Ok(()) },
                () = shutdown_begun(&mut shutdown) => return Ok(()),
            }
            if has_more {
                continue;
            }
            tokio::select! {
                _ = changes.changed() => tokio::time::sleep(BATCH_WAIT).await,
                () = tokio::time::sleep(KEEP_ALIVE) => {
                    // An id alone moves the client's position past events that did not match.
                    let keep_alive = format!("id: {}\n\n", self.ask.place);
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

    /// What was stored since the last time. `None` if it cannot be read.
    async fn read(&self) -> Option<LiveTail> {
        let LiveAsk { filter, place, sender } = &self.ask;
        let mut tail =
            self.app.storage.reader.live(filter.clone(), place.clone(), EVENTS_MAX).await.ok()?;
        if let Some(sender) = sender {
            sender.keep_own(&self.app, &mut tail.events, |(_, event)| event).await.ok()?;
        }
        Some(tail)
    }

    /// The messages for these events.
    fn messages(&self, tail: &LiveTail) -> String {
        let mut text = String::new();
        if tail.has_gap {
            text.push_str("event: gap\ndata: {}\n\n");
        }
        for (place, event) in &tail.events {
            // A message ends at an empty line, and a line break ends its data.
            let data = (self.write)(event).replace(['\n', '\r'], " ");
            let parts = ["id: ", &place.to_string(), "\nevent: event\ndata: ", &data, "\n\n"];
            text.extend(parts);
        }
        text
    }

    /// Sends a chunk. Whether the client is still there.
    async fn send(&self, text: String) -> Result<bool, TooSlow> {
        let sent = tokio::time::timeout(SLOW_MAX, self.chunks.send(Ok(text.into()))).await;
        sent.map(|sent| sent.is_ok()).map_err(|_| TooSlow)
    }
}

/// Waits until the server's shutdown begins.
async fn shutdown_begun(begun: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and then the server is gone as well.
    drop(begun.wait_for(|begun| *begun).await);
}
