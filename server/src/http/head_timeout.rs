//! A timeout for the head of a request, which does not count the time between two requests.
//!
//! A connection may be idle for longer than a proxy keeps it, or the proxy would send a request on
//! a connection that is just being closed, and its client would get a 502. But a head that has
//! begun must arrive soon, or slow clients would take all connections.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::frame_scan::{FrameScan, PREFACE};
use super::head_scan::HeadScan;
use super::layered::{self, Layer, Layered};
use super::requests::Requests;

/// A stream whose reads fail once a head has been arriving for too long, or once a client of HTTP/2
/// has sent too many frames that are no request.
pub(super) type HeadTimeout<S> = Layered<S, HeadClock>;

/// Watches the heads of requests.
#[derive(Debug)]
pub(super) struct HeadClock {
    timeout: Duration,
    requests: Requests,
    /// When the head that is arriving must be complete, and how many heads had arrived before it.
    head: Option<(Instant, u64)>,
    protocol: Protocol,
    /// Looks at the head that is arriving.
    scan: HeadScan,
    /// Runs while a read waits for the rest of a head.
    waiting: Option<Pin<Box<Sleep>>>,
}

/// What the client speaks.
#[derive(Debug)]
enum Protocol {
    /// So far, it has sent this many bytes of the preface of HTTP/2, which are no request.
    Unknown(usize),
    Http1,
    Http2(FrameScan),
}

impl<S> Layered<S, HeadClock> {
    /// The first head must arrive within `timeout` from now.
    pub(super) fn new(stream: S, timeout: Duration, requests: Requests) -> Self {
        let head = Some((Instant::now() + timeout, 0));
        let (protocol, scan) = (Protocol::Unknown(0), HeadScan::default());
        Self { stream, layer: HeadClock { timeout, requests, head, protocol, scan, waiting: None } }
    }
}

impl HeadClock {
    /// An error if the head that is arriving is too late.
    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some((until, _)) = self.head else {
            self.waiting = None;
            return Poll::Pending;
        };
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if waiting.deadline() != until {
            waiting.as_mut().reset(until);
        }
        waiting.as_mut().poll(context).map(|()| {
            Err(io::Error::new(io::ErrorKind::TimedOut, "the head of a request arrived too slowly"))
        })
    }

    /// Looks at bytes that have arrived, before which this many requests had begun.
    fn scan(&mut self, mut arrived: &[u8], begun: u64) -> io::Result<()> {
        if let Protocol::Unknown(seen) = self.protocol {
            let compared = arrived.len().min(PREFACE.len() - seen);
            self.protocol = if arrived[..compared] != PREFACE[seen..seen + compared] {
                Protocol::Http1
            } else if seen + compared < PREFACE.len() {
                Protocol::Unknown(seen + compared)
            } else {
                self.requests.begin_http2();
                arrived = &arrived[compared..];
                Protocol::Http2(FrameScan::default())
            };
        }
        if let Protocol::Http2(frames) = &mut self.protocol {
            frames.push(arrived).map_err(io::Error::other)?;
            let is_awaited = frames.is_head_open() || frames.heads_ended() == 0;
            let since_now = (Instant::now() + self.timeout, begun);
            self.head = is_awaited.then(|| self.head.unwrap_or(since_now));
            return Ok(());
        }
        // What arrives while a request is being answered belongs to its body.
        if self.head.is_none() && !arrived.is_empty() && self.requests.are_ended() {
            self.head = Some((Instant::now() + self.timeout, begun));
            self.scan = HeadScan::default();
        }
        if self.head.is_some() {
            self.requests.set_head_form(self.scan.push(arrived));
        }
        Ok(())
    }
}

impl Layer for HeadClock {
    fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let begun = self.requests.begun();
        let is_http2 = matches!(self.protocol, Protocol::Http2(_));
        if !is_http2 && self.head.is_some_and(|(_, before)| before != begun) {
            self.head = None;
        }
        let bytes_before = buffer.filled().len();
        let read = Pin::new(stream).poll_read(context, buffer);
        if read.is_pending() {
            return self.poll_late(context);
        }
        match self.scan(&buffer.filled()[bytes_before..], begun) {
            Ok(()) => read,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = layered::poll_write(stream, context, slices);
        if let (Protocol::Http2(frames), Poll::Ready(Ok(bytes))) = (&mut self.protocol, &wrote) {
            frames.wrote(*bytes);
        }
        wrote
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    const TIMEOUT: Duration = Duration::from_secs(30);

    fn connection() -> (HeadTimeout<DuplexStream>, DuplexStream, Requests) {
        let (near, far) = duplex(64);
        let requests = Requests::default();
        (HeadTimeout::new(near, TIMEOUT, requests.clone()), far, requests)
    }

    async fn wait_s(stream: &mut HeadTimeout<DuplexStream>) -> Option<u64> {
        let begun = Instant::now();
        let read = tokio::time::timeout(Duration::from_mins(5), stream.read(&mut [0; 64])).await;
        let error = read.ok()?.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        Some(begun.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_nothing_or_half_a_head_is_cut_off() {
        let (mut stream, _far, _) = connection();
        assert_eq!(wait_s(&mut stream).await, Some(30));
        let (mut stream, mut far, _) = connection();
        tokio::time::sleep(Duration::from_secs(20)).await;
        far.write_all(b"GET").await.unwrap();
        stream.read_exact(&mut [0; 3]).await.unwrap();
        assert_eq!(wait_s(&mut stream).await, Some(10), "the time began with the connection");
    }

    #[tokio::test(start_paused = true)]
    async fn between_two_requests_a_connection_may_be_idle() {
        let (mut stream, mut far, requests) = connection();
        far.write_all(b"head").await.unwrap();
        stream.read_exact(&mut [0; 4]).await.unwrap();
        let request = requests.begin();
        far.write_all(b"body").await.unwrap();
        stream.read_exact(&mut [0; 4]).await.unwrap();
        drop(request);
        assert_eq!(wait_s(&mut stream).await, None, "it is idle");
        far.write_all(b"GET").await.unwrap();
        stream.read_exact(&mut [0; 3]).await.unwrap();
        tokio::time::sleep(Duration::from_secs(29)).await;
        far.write_all(b" /").await.unwrap();
        stream.read_exact(&mut [0; 2]).await.unwrap();
        assert_eq!(wait_s(&mut stream).await, Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_pauses_is_not_a_slow_head() {
        let (mut stream, mut far, requests) = connection();
        far.write_all(b"head").await.unwrap();
        stream.read_exact(&mut [0; 4]).await.unwrap();
        let _request = requests.begin();
        far.write_all(b"half").await.unwrap();
        stream.read_exact(&mut [0; 4]).await.unwrap();
        assert_eq!(wait_s(&mut stream).await, None);
    }

    /// A head of HTTP/2 with this flag, and without a payload.
    fn head(flags: u8) -> [u8; 9] {
        [0, 0, 0, 1, flags, 0, 0, 0, 1]
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_of_http2_that_never_ends_is_cut_off_and_an_open_request_is_not() {
        let (mut stream, mut far, requests) = connection();
        let mut send = async |bytes: &[u8]| {
            far.write_all(bytes).await.unwrap();
            stream.read_exact(&mut vec![0; bytes.len()]).await.unwrap();
        };
        let known = requests.http2();
        send(&PREFACE[..10]).await;
        send(&PREFACE[10..]).await;
        known.await;
        send(&head(4)).await;
        let _request = requests.begin();
        assert_eq!(wait_s(&mut stream).await, None, "a request is open, and no head is");
        far.write_all(&head(0)).await.unwrap();
        stream.read_exact(&mut [0; 9]).await.unwrap();
        tokio::time::sleep(Duration::from_secs(29)).await;
        // A part of a CONTINUATION frame gives no more time.
        far.write_all(&[0, 0, 5, 9, 4]).await.unwrap();
        stream.read_exact(&mut [0; 5]).await.unwrap();
        assert_eq!(wait_s(&mut stream).await, Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_preface_without_a_request_is_cut_off() {
        let (mut stream, mut far, _) = connection();
        far.write_all(PREFACE).await.unwrap();
        stream.read_exact(&mut [0; 24]).await.unwrap();
        assert_eq!(wait_s(&mut stream).await, Some(30));
    }
}
