//! Receives a body, within limits on its size and on the time it takes.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use lamplight_wire::limits::BODY_BYTES_MAX;

use super::budget::{Budget, Reservation};
use super::refusal::Refusal;

/// How long a body of any size may take to arrive. After that it must keep the rate below.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Lowest average rate at which a body may arrive. The slowest mobile networks are faster.
const BYTES_PER_S_MIN: u64 = 4 * 1024;
/// Receives a whole body.
pub(super) async fn receive(
    body: &mut Body,
    budget: &Budget,
    now_ms: i64,
) -> Result<(Bytes, Reservation), Refusal> {
    if http_body::Body::size_hint(body).lower() > BODY_BYTES_MAX as u64 {
        return Err(Refusal::TooLarge);
    }
    collect(body, budget, now_ms).await
}

/// How long after its beginning a body must have ended, given the bytes received so far.
fn timeout(received_bytes: usize) -> Duration {
    BODY_TIMEOUT + Duration::from_millis(received_bytes as u64 * 1_000 / BYTES_PER_S_MIN)
}

async fn collect(
    body: &mut Body,
    budget: &Budget,
    now_ms: i64,
) -> Result<(Bytes, Reservation), Refusal> {
    let mut reservation = budget.reservation();
    // Most bodies arrive in one piece, which is then used without a copy.
    let (mut first, mut joined) = (Bytes::new(), BytesMut::new());
    let begun = tokio::time::Instant::now();
    loop {
        let until = begun + timeout(first.len() + joined.len());
        let frame = tokio::time::timeout_at(until, body.frame()).await;
        let Some(frame) = frame.map_err(|_| Refusal::TooSlow)? else { break };
        let Ok(data) = frame.map_err(|_| Refusal::Disconnected)?.into_data() else { continue };
        let before = first.len() + joined.len();
        if before + data.len() > BODY_BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        if !reservation.grow(data.len() as u64) {
            return Err(Refusal::Overloaded { retry_after_s: budget.retry_after_s(now_ms) });
        }
        if before == 0 {
            first = data;
        } else {
            joined.extend_from_slice(&std::mem::take(&mut first));
            joined.extend_from_slice(&data);
        }
    }
    Ok((if joined.is_empty() { first } else { joined.freeze() }, reservation))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(chunks: Vec<Vec<u8>>) -> Body {
        struct Chunks(std::vec::IntoIter<Vec<u8>>);
        impl http_body::Body for Chunks {
            type Data = Bytes;
            type Error = std::convert::Infallible;

            fn poll_frame(
                mut self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
                std::task::Poll::Ready(
                    self.0.next().map(|data| Ok(http_body::Frame::data(data.into()))),
                )
            }
        }
        Body::new(Chunks(chunks.into_iter()))
    }

    proptest::proptest! {
        #[test]
        fn a_body_in_any_number_of_chunks_is_received_whole(chunks: Vec<Vec<u8>>) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let whole = chunks.concat();
            let budget = Budget::new(1 << 20);
            let received = runtime.block_on(async { receive(&mut body(chunks), &budget, 0).await });
            proptest::prop_assert_eq!(&received.unwrap().0[..], &whole[..]);
        }
    }

    struct Slow(tokio::sync::mpsc::Receiver<Bytes>);
    impl http_body::Body for Slow {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            self.0.poll_recv(context).map(|data| Some(Ok(http_body::Frame::data(data?))))
        }
    }

    /// Receives a body that never ends and of which 4 KiB arrive after each time `every`. Returns
    /// how long it took until the refusal.
    async fn received_slowly(every: Duration) -> Duration {
        let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
        tokio::spawn(async move {
            while sender.send(Bytes::from_static(&[b' '; 4096])).await.is_ok() {
                tokio::time::sleep(every).await;
            }
        });
        let begun = tokio::time::Instant::now();
        let mut body = Body::new(Slow(receiver));
        let refused = receive(&mut body, &Budget::new(1 << 30), 0).await;
        assert!(matches!(refused, Err(Refusal::TooSlow | Refusal::TooLarge)), "{refused:?}");
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_arrives_below_the_lowest_rate_is_refused() {
        // At 4 KiB/s it reaches the size limit. At half of that, the 10 s are used up after 20 s.
        assert_eq!(received_slowly(Duration::from_secs(1)).await.as_secs(), 256);
        assert_eq!(received_slowly(Duration::from_secs(2)).await.as_secs(), 20);
        assert_eq!(received_slowly(Duration::from_hours(1)).await.as_secs(), 11);
    }

    #[tokio::test]
    async fn a_body_over_the_memory_budget_is_refused_and_releases_its_part() {
        let budget = Budget::new(10);
        let refused = receive(&mut body(vec![vec![0; 6], vec![0; 6]]), &budget, 0).await;
        assert!(matches!(refused, Err(Refusal::Overloaded { .. })));
        receive(&mut body(vec![vec![0; 10]]), &budget, 0).await.unwrap();
    }
}
