//! A timeout for writes to a client that does not read, or reads very slowly.
//!
//! The answers of intake fit into the system's socket buffers. A page of events or a live stream
//! does not, and without a timeout a client that reads nothing would hold the memory and the
//! connection permanently.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::time::{Instant, Sleep, sleep};

use super::layered::{self, Layer, Layered};
use super::patience::Patience;

/// A stream whose writes fail once its client has read too slowly.
pub(super) type WriteTimeout<S> = Layered<S, WriteClock>;

/// How long writes may still wait.
#[derive(Debug)]
pub(super) struct WriteClock {
    patience: Patience,
    left: Duration,
    /// Runs while a write waits, with the time at which it began to.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S> Layered<S, WriteClock> {
    pub(super) fn new(stream: S, patience: Patience) -> Self {
        let layer = WriteClock { patience, left: patience.slack, waiting: None };
        Self { stream, layer }
    }
}

impl WriteClock {
    /// The result of a write of some bytes, or an error when writes have waited for too long.
    fn bound<T>(
        &mut self,
        context: &mut Context<'_>,
        wrote: Poll<io::Result<T>>,
        bytes: impl FnOnce(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(result) = &wrote {
            if let Some((since, _)) = self.waiting.take() {
                self.left = self.left.saturating_sub(since.elapsed());
            }
            let earned = self.patience.earned(result.as_ref().map_or(0, bytes));
            self.left = (self.left + earned).min(self.patience.slack);
            return wrote;
        }
        let left = self.left;
        let (_, waiting) =
            self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client reads too slowly")))
    }
}

impl Layer for WriteClock {
    fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = layered::poll_write(stream, context, slices);
        self.bound(context, wrote, |bytes| *bytes)
    }

    fn poll_flush<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let flushed = Pin::new(stream).poll_flush(context);
        self.bound(context, flushed, |()| 0)
    }

    fn poll_shutdown<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let shut = Pin::new(stream).poll_shutdown(context);
        self.bound(context, shut, |()| 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const PATIENCE: Patience = Patience { slack: Duration::from_secs(30), bytes_per_s_min: 1 };

    #[tokio::test(start_paused = true)]
    async fn a_write_to_a_client_that_does_not_read_times_out() {
        let (near, _far) = tokio::io::duplex(16);
        let begun = Instant::now();
        let error = WriteTimeout::new(near, PATIENCE).write_all(&[0; 17]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed().as_secs(), 30);
    }

    /// Writes 160 bytes to a client that reads 16 of them after each time `every`.
    async fn received_slowly(every: Duration) -> (io::Result<()>, usize) {
        let (near, mut far) = tokio::io::duplex(16);
        let reading = tokio::spawn(async move {
            let mut received = 0;
            while let Ok(read @ 1..) = far.read(&mut [0; 16]).await {
                received += read;
                tokio::time::sleep(every).await;
            }
            received
        });
        let mut writer = WriteTimeout::new(near, PATIENCE);
        let written = writer.write_all(&[0; 160]).await;
        drop(writer);
        (written, reading.await.unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_slowly_receives_everything() {
        let (written, received) = received_slowly(Duration::from_secs(16)).await;
        written.unwrap();
        assert_eq!(received, 160);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_below_the_lowest_rate_is_cut_off() {
        let (written, received) = received_slowly(Duration::from_secs(28)).await;
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!((32..=64).contains(&received), "{received}");
    }
}
