//! Bodies through the layer that holds them back, within all limits.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use http::{StatusCode, header};
use http_body::Frame;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tower::ServiceExt;

use super::{BodyLimits, Credentials, Receiver, hold};
use crate::http::problem::Problem;
use crate::system::clock::SystemClock;

const LIMITS: BodyLimits = BodyLimits { bytes_max: 1 << 20, advice: "send less" };

struct Anyone;

impl Credentials for Anyone {
    fn key_id(&self) -> &'static str {
        "wk_1"
    }

    fn is_of_backend(&self) -> bool {
        false
    }
}

fn receiver(bytes_max: u64) -> Arc<Receiver> {
    Arc::new(Receiver::new(bytes_max, 0, Arc::default(), Arc::new(SystemClock)))
}

/// A router whose `/take` answers with the body, and whose other paths take none.
fn router(receiver: &Arc<Receiver>) -> Router {
    let receiver = Arc::clone(receiver);
    let take = move |request: Request| async move {
        let (head, body) = request.into_parts();
        assert!(http_body::Body::is_end_stream(&body), "the handler gets no body");
        match receiver.receive(&head, &Anyone, &LIMITS).await {
            Ok(body) => body.bytes.clone().into_response(),
            Err(error) => Problem::from(error).into_response(),
        }
    };
    Router::new()
        .route("/take", any(take))
        .fallback(async || StatusCode::UNAUTHORIZED)
        .layer(from_fn(async |request, next: Next| hold(request, |it| next.run(it)).await))
}

async fn answer(receiver: &Arc<Receiver>, path: &str, body: Body) -> Response {
    let request = Request::post(path).body(body).unwrap();
    router(receiver).oneshot(request).await.unwrap()
}

async fn bytes(response: Response) -> Bytes {
    axum::body::to_bytes(response.into_body(), 1 << 21).await.unwrap()
}

/// A body whose chunks come through a channel. It counts how often it was asked for more.
struct Chunks {
    chunks: mpsc::Receiver<Bytes>,
    polled: Arc<AtomicUsize>,
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.polled.fetch_add(1, Ordering::SeqCst);
        self.chunks.poll_recv(context).map(|data| Some(Ok(Frame::data(data?))))
    }
}

fn chunks() -> (mpsc::Sender<Bytes>, Body, Arc<AtomicUsize>) {
    let (sender, chunks) = mpsc::channel(1);
    let polled = Arc::<AtomicUsize>::default();
    (sender, Body::new(Chunks { chunks, polled: Arc::clone(&polled) }), polled)
}

/// Sends `first` bytes at once and then `more` after each time `every`, without an end. Returns the
/// status and how long it took, in whole seconds.
async fn received_slowly(first: usize, more: usize, every: Duration) -> (StatusCode, u64) {
    let (sender, body, _) = chunks();
    tokio::spawn(async move {
        let mut next = first;
        while sender.send(vec![b' '; next].into()).await.is_ok() {
            tokio::time::sleep(every).await;
            next = more;
        }
    });
    let begun = Instant::now();
    let response = answer(&receiver(1 << 30), "/take", body).await;
    (response.status(), (begun.elapsed() + Duration::from_millis(500)).as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_body_that_arrives_below_the_lowest_rate_is_refused() {
    // At 4 KiB/s it reaches the size limit. At half of that, the 10 s are used up after 18 s.
    let every = Duration::from_secs;
    assert_eq!(received_slowly(4096, 4096, every(1)).await, (StatusCode::PAYLOAD_TOO_LARGE, 256));
    assert_eq!(received_slowly(4096, 4096, every(2)).await, (StatusCode::REQUEST_TIMEOUT, 18));
    assert_eq!(received_slowly(4096, 4096, every(3_600)).await, (StatusCode::REQUEST_TIMEOUT, 10));
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_stalls_before_its_end_is_given_up_soon() {
    let stalled = (StatusCode::REQUEST_TIMEOUT, 10);
    assert_eq!(received_slowly((1 << 20) - 1, 1, Duration::from_hours(1)).await, stalled);
    let dripping = received_slowly(1 << 19, 1, Duration::from_secs(4)).await;
    assert_eq!(dripping, stalled, "single bytes do not extend it");
}

#[tokio::test]
async fn a_body_over_the_memory_budget_is_refused_and_releases_its_part() {
    let receiver = receiver(8_000);
    let refused = answer(&receiver, "/take", vec![0; 6_001].into()).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    let detail = String::from_utf8(bytes(refused).await.into()).unwrap();
    assert!(detail.contains("too many bytes with key wk_1"), "{detail}");
    for _ in 0..3 {
        let taken = answer(&receiver, "/take", vec![0; 6_000].into()).await;
        assert_eq!(taken.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_length_that_is_too_large_is_refused_before_anything_is_received() {
    let (_sender, body, polled) = chunks();
    let body = Body::new(Declared { body, bytes: (1 << 20) + 1 });
    let refused = answer(&receiver(1 << 30), "/take", body).await;
    assert_eq!(polled.load(Ordering::SeqCst), 0);
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(refused.headers()[header::CONNECTION], "close");
    let detail = String::from_utf8(bytes(refused).await.into()).unwrap();
    assert!(detail.contains("1048576 bytes (Content-Length is 1048577): send less"), "{detail}");
}

/// A body that announces its length.
struct Declared {
    body: Body,
    bytes: u64,
}

impl http_body::Body for Declared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.bytes)
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_does_not_wait_for_a_body_that_nobody_takes() {
    for (length, closes) in [(Some(64 * 1024), false), (Some(64 * 1024 + 1), true), (None, true)] {
        let (sender, body, polled) = chunks();
        let body = match length {
            Some(bytes) => Body::new(Declared { body, bytes }),
            None => body,
        };
        let begun = Instant::now();
        let refused = answer(&receiver(1 << 30), "/refuse", body).await;
        assert_eq!((refused.status(), begun.elapsed()), (StatusCode::UNAUTHORIZED, Duration::ZERO));
        let close = refused.headers().get(header::CONNECTION).is_some();
        assert_eq!(close, closes, "{length:?}");
        // What is still sent is discarded for 5 s.
        tokio::time::sleep(Duration::from_millis(4_900)).await;
        assert!(polled.load(Ordering::SeqCst) > 0 && !sender.is_closed());
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(sender.is_closed());
    }
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_for_its_body_is_not_asked_when_it_is_refused() {
    for length in [Some(5), None] {
        let (_sender, body, polled) = chunks();
        let body = match length {
            Some(bytes) => Body::new(Declared { body, bytes }),
            None => body,
        };
        let request = Request::post("/refuse").header("expect", "100-Continue");
        let request = request.body(body).unwrap();
        let refused = router(&receiver(1 << 30)).oneshot(request).await.unwrap();
        assert_eq!(refused.headers()[header::CONNECTION], "close");
        tokio::task::yield_now().await;
        assert_eq!(polled.load(Ordering::SeqCst), 0, "{length:?}");
    }
}

proptest::proptest! {
    #[test]
    fn a_body_in_any_number_of_chunks_is_received_whole(parts: Vec<Vec<u8>>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let whole = parts.concat();
        let received = runtime.block_on(async {
            let (sender, body, _) = chunks();
            let sending = async move {
                for part in parts {
                    sender.send(part.into()).await.unwrap();
                }
            };
            let receiver = receiver(1 << 20);
            let ((), response) = tokio::join!(sending, answer(&receiver, "/take", body));
            bytes(response).await
        });
        proptest::prop_assert_eq!(&received[..], &whole[..]);
    }
}
