//! An answer that is made while its client reads it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::Frame;
use tokio::sync::mpsc;

use super::places::Place;

/// The chunks of an answer, as a body. It has the place of the call, because chunks take memory
/// until the connection has written them. An error cuts the connection, so that a client never
/// takes a part for the whole.
pub(super) struct Chunks {
    received: mpsc::Receiver<io::Result<Bytes>>,
    _place: Place,
}

impl Chunks {
    /// The body that `received` are the chunks of.
    pub(super) fn body(received: mpsc::Receiver<io::Result<Bytes>>, place: Place) -> Body {
        Body::new(Self { received, _place: place })
    }
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.received.poll_recv(context).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}
