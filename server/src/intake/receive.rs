//! Receiving a body: never more than the limit, never for longer than the limit.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use lamplight_wire::limits::BODY_BYTES_MAX;

use super::Refusal;
use super::budget::{Budget, Share};

/// How long a body may take to arrive.
pub(super) const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// What is read and thrown away, at most, of a body that was refused, so that the client gets to read
/// the answer: to close a connection with unread bytes resets it, and a reset tells the client nothing.
const DISCARD_BYTES_MAX: usize = 8 * BODY_BYTES_MAX;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// Receives a whole body.
pub(super) async fn receive(body: &mut Body, budget: &Budget) -> Result<(Bytes, Share), Refusal> {
    if http_body::Body::size_hint(body).lower() > BODY_BYTES_MAX as u64 {
        return Err(Refusal::TooLarge);
    }
    tokio::time::timeout(BODY_TIMEOUT, collect(body, budget)).await.unwrap_or(Err(Refusal::TooSlow))
}

async fn collect(body: &mut Body, budget: &Budget) -> Result<(Bytes, Share), Refusal> {
    let mut share = budget.share();
    // Most bodies come in one piece, which is then used as it is.
    let (mut first, mut joined) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refusal::Cut)?.into_data() else { continue };
        let before = first.len() + joined.len();
        if before + data.len() > BODY_BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        if !share.grow(data.len() as u64) {
            return Err(Refusal::Busy { retry_after_s: 1 });
        }
        if before == 0 {
            first = data;
        } else {
            joined.extend_from_slice(&std::mem::take(&mut first));
            joined.extend_from_slice(&data);
        }
    }
    Ok((if joined.is_empty() { first } else { joined.freeze() }, share))
}

/// Reads what is left of a refused body and throws it away.
pub(super) async fn discard(mut body: Body) {
    let read = async {
        let mut bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            bytes += frame.data_ref().map_or(0, Bytes::len);
            if bytes > DISCARD_BYTES_MAX {
                break;
            }
        }
    };
    // Whatever is left after that, the client had its chance.
    let _ = tokio::time::timeout(DISCARD_TIMEOUT, read).await;
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
        fn a_body_is_received_whole_however_it_is_cut(chunks: Vec<Vec<u8>>) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let whole = chunks.concat();
            let budget = Budget::new(1 << 20);
            let received = runtime.block_on(async { receive(&mut body(chunks), &budget).await });
            proptest::prop_assert_eq!(&received.unwrap().0[..], &whole[..]);
        }
    }

    #[tokio::test]
    async fn without_memory_to_receive_it_a_body_is_refused_and_takes_none() {
        let budget = Budget::new(10);
        let refused = receive(&mut body(vec![vec![0; 6], vec![0; 6]]), &budget).await;
        assert!(matches!(refused, Err(Refusal::Busy { .. })));
        receive(&mut body(vec![vec![0; 10]]), &budget).await.unwrap();
    }
}
