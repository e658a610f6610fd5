//! A timeout for the head of a request, which does not count the time between two requests.
//!
//! A connection may be idle for longer than a proxy keeps it, or the proxy would send a request on
//! a connection that is just being closed, and its client would get a 502. But a head that has
//! begun must arrive soon, or slow clients would take all connections.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::head_scan::{HeadForm, HeadScan};

/// Counts the requests of a connection, for the stream that their heads arrive on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// Requests whose head has arrived.
    begun: AtomicU64,
    /// Of these, those that were answered and whose body was read or given up.
    ended: AtomicU64,
    /// What is known of the head that arrives or has just arrived.
    head_form: Mutex<HeadForm>,
}

impl Requests {
    /// The head of a request has arrived. The request is open until all clones are dropped.
    pub(crate) fn begin(&self) -> (OpenRequest, HeadForm) {
        self.0.begun.fetch_add(1, Ordering::AcqRel);
        let form = std::mem::take(&mut *self.head_form());
        (OpenRequest(Arc::new(RequestEnd(Arc::clone(&self.0)))), form)
    }

    pub(super) fn begun(&self) -> u64 {
        self.0.begun.load(Ordering::Acquire)
    }

    pub(super) fn are_ended(&self) -> bool {
        self.0.ended.load(Ordering::Acquire) == self.begun()
    }

    fn head_form(&self) -> MutexGuard<'_, HeadForm> {
        self.0.head_form.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request whose answer is being written, or whose body is being read.
#[derive(Debug, Clone)]
pub(crate) struct OpenRequest(#[allow(dead_code, reason = "it is dropped")] Arc<RequestEnd>);

#[derive(Debug)]
struct RequestEnd(Arc<Counts>);

impl Drop for RequestEnd {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::AcqRel);
    }
}

/// A stream whose reads fail once a head has been arriving for `timeout`.
#[derive(Debug)]
pub(crate) struct HeadTimeout<S> {
    stream: S,
    timeout: Duration,
    requests: Requests,
    /// When the head that is arriving must be complete, and how many heads had arrived before it.
    head: Option<(Instant, u64)>,
    /// Looks at the head that is arriving.
    scan: HeadScan,
    /// Runs while a read waits for the rest of a head.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> HeadTimeout<S> {
    /// The first head must arrive within `timeout` from now.
    pub(crate) fn new(stream: S, timeout: Duration, requests: Requests) -> Self {
        let head = Some((Instant::now() + timeout, 0));
        Self { stream, timeout, requests, head, scan: HeadScan::default(), waiting: None }
    }

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
}

impl<S: AsyncRead + Unpin> AsyncRead for HeadTimeout<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let begun = self.requests.begun();
        if self.head.is_some_and(|(_, before)| before != begun) {
            self.head = None;
        }
        let bytes_before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_pending() {
            return self.poll_late(context);
        }
        // What arrives while a request is being answered belongs to its body.
        if self.head.is_none() && buffer.filled().len() > bytes_before && self.requests.are_ended()
        {
            self.head = Some((Instant::now() + self.timeout, begun));
            self.scan = HeadScan::default();
        }
        if self.head.is_some() {
            let form = self.scan.push(&buffer.filled()[bytes_before..]);
            *self.requests.head_form() = form;
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeadTimeout<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
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
}
