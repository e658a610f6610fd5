//! Serves one connection: the handshake of TLS, then HTTP/1.1 or HTTP/2, with limits on what a slow
//! or hostile client can hold.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::header::CONNECTION;
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::answer_body::AnswerBody;
use super::connections::{CountedRequest, NotCounted, Place};
use super::cors;
use super::error_answers::ErrorAnswers;
use super::head_scan::HeadForm;
use super::head_timeout::HeadTimeout;
use super::listen::{CloseWithoutAnswer, Peer};
use super::patience::Patience;
use super::requests::Requests;
use super::unread::UnreadAnswers;
use super::unserved::{https_required, tell};
use super::write_timeout::WriteTimeout;
use crate::system::supervisor::spawn_logged;

/// How long a handshake of TLS may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request's head may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection may be idle between two requests: longer than usual proxies keep one (60 s
/// for nginx and the load balancers of AWS), so that the proxy closes it and not the server.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// How often a connection of HTTP/2 is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long a client of HTTP/2 may take to close a connection after the server has said that it
/// will.
const GOAWAY_TIMEOUT: Duration = Duration::from_secs(10);
/// How slowly a client may read an answer. Few answers are larger than the system's buffers.
const READING: Patience = Patience { slack: Duration::from_secs(30), bytes_per_s_min: 1024 };
/// Largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Most requests at a time on one connection. Browsers need about this many (RFC 9113, section
/// 6.5.2).
const STREAMS_MAX: u32 = 100;
/// Most bytes of one body, and of all bodies of a connection, that a client may send before the
/// server has read them.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
/// Most bytes of an answer that wait for the client, beside the piece that comes next.
const SEND_BYTES_MAX: usize = 64 * 1024;
/// Most requests of one connection that the server may cancel because they are invalid.
const INVALID_STREAMS_MAX: usize = 100;

#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error("answer: the demo's fault closes the connection")]
    Fault,
    #[error("answer: the connection gave way to a new one")]
    GaveWay,
}

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the handshake of TLS took too long")]
    HandshakeTimeout,
    #[error("the handshake of TLS failed: {0}")]
    Handshake(#[from] std::io::Error),
    #[error("the client spoke HTTP on a port for HTTPS")]
    NoTls,
    #[error("it ended before its answer was sent: {0}")]
    Broken(Box<dyn std::error::Error + Send + Sync>),
    #[error("it gave way to a new one")]
    GaveWay,
    #[error("its client read an answer too slowly")]
    ReadTooSlowly,
    #[error("its client did not close it")]
    NotClosed,
}

/// What all connections share.
#[derive(Clone)]
pub(super) struct Serving {
    pub(super) router: Router,
    pub(super) tls: Option<TlsAcceptor>,
    /// Holds true once connections should end.
    pub(super) stop: watch::Receiver<bool>,
    /// Closed when the last connection has ended.
    pub(super) _alive: mpsc::Sender<Infallible>,
}

impl Serving {
    /// Serves a connection that has a place.
    pub(super) fn start(&self, stream: TcpStream, peer: SocketAddr, place: Place) {
        // Answers are small, and Nagle's algorithm would delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "failed to set TCP_NODELAY on a connection");
        }
        let serving = self.clone();
        spawn_logged("connection", async move {
            let place = Arc::new(place);
            let ended = tokio::select! {
                ended = serving.serve(stream, peer, &place) => ended,
                () = place.connection.must_close() => Err(Ended::GaveWay),
            };
            if let Err(why) = ended {
                tracing::debug!(%why, "a connection was closed");
            }
        });
    }

    async fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        place: &Arc<Place>,
    ) -> Result<(), Ended> {
        let Some(tls) = &self.tls else { return self.serve_http(stream, peer, place).await };
        // A client that never finishes its handshake is like one that never finishes a head: it
        // gives way to others, and has a time.
        let handshake = async {
            if !begins_tls(&stream).await? {
                tell(stream, https_required()).await;
                return Err(Ended::NoTls);
            }
            Ok(tls.accept(stream).await?)
        };
        let mut stop = self.stop.clone();
        let stream = tokio::select! {
            stream = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake) => {
                stream.map_err(|_| Ended::HandshakeTimeout)??
            }
            () = stopped(&mut stop) => return Ok(()),
        };
        self.serve_http(stream, peer, place).await
    }

    async fn serve_http<S>(
        &self,
        stream: S,
        peer: SocketAddr,
        place: &Arc<Place>,
    ) -> Result<(), Ended>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let requests = Requests::default();
        let unread = UnreadAnswers::new(READING);
        let stream = HeadTimeout::new(stream, HEAD_TIMEOUT, requests.clone());
        let stream = ErrorAnswers::new(stream, requests.clone());
        let stream = TokioIo::new(WriteTimeout::new(stream, READING));
        let (router, place) = (self.router.clone(), Arc::clone(place));
        let (begun, answers) = (requests.clone(), unread.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (open, form) = begun.begin();
            let counted = place.begin();
            let (router, answers) = (router.clone(), answers.clone());
            async move {
                let is_http2 = request.version() == Version::HTTP_2;
                let mut request = request.map(Body::new);
                let extensions = request.extensions_mut();
                extensions.insert(Peer(peer));
                extensions.insert(open.clone());
                // The frames of HTTP/2 tell the length of a body.
                extensions.insert(if is_http2 { HeadForm::Clear } else { form });
                let (response, counted) = answer(router, request, counted).await?;
                let (mut parts, body) = response.into_parts();
                let body = match (is_http2, counted) {
                    // There is no such header. A stream that is not needed any more is reset.
                    (true, Some(counted)) => {
                        parts.headers.remove(CONNECTION);
                        AnswerBody::http2(body, answers.begin((open, counted)))
                    }
                    (_, Some(counted)) => AnswerBody::http1(body, (open, counted)),
                    (_, None) => AnswerBody::uncounted(body),
                };
                Ok::<_, NoAnswer>(Response::from_parts(parts, body))
            }
        });
        let builder = builder();
        let mut connection = pin!(builder.serve_connection(stream, service));
        let mut stop = self.stop.clone();
        let mut is_told = false;
        let mut look = pin!(Look { requests: &requests, unread: &unread }.until_it_must_end());
        loop {
            tokio::select! {
                served = connection.as_mut() => return served.map_err(Ended::Broken),
                () = stopped(&mut stop), if !is_told => {
                    is_told = true;
                    connection.as_mut().graceful_shutdown();
                }
                ended = look.as_mut() => match ended {
                    MustEnd::Idle => break,
                    MustEnd::ReadTooSlowly => return Err(Ended::ReadTooSlowly),
                }
            }
        }
        // With HTTP/2, a client is told which of its requests were received.
        connection.as_mut().graceful_shutdown();
        match tokio::time::timeout(GOAWAY_TIMEOUT, connection).await {
            Ok(served) => served.map_err(Ended::Broken),
            Err(_) => Err(Ended::NotClosed),
        }
    }
}

/// Waits until connections should end.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and then the server is gone as well.
    drop(stop.wait_for(|stop| *stop).await);
}

/// The limits of both versions.
fn builder() -> auto::Builder<RequestTasks> {
    let mut builder = auto::Builder::new(RequestTasks);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BYTES_MAX)
        .max_local_error_reset_streams(INVALID_STREAMS_MAX);
    builder
}

/// Runs each request of HTTP/2 as a task. One that panics ends alone.
#[derive(Debug, Clone, Copy)]
struct RequestTasks;

impl<F> Executor<F> for RequestTasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, request: F) {
        spawn_logged("request", request);
    }
}

/// Looks at a connection of HTTP/2, where nothing else ends one that is idle or not read.
struct Look<'a> {
    requests: &'a Requests,
    unread: &'a UnreadAnswers,
}

#[derive(Debug, PartialEq, Eq)]
enum MustEnd {
    Idle,
    ReadTooSlowly,
}

impl Look<'_> {
    async fn until_it_must_end(self) -> MustEnd {
        self.requests.http2().await;
        let (mut begun, mut idle) = (self.requests.begun(), Duration::ZERO);
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if self.unread.are_read_too_slowly() {
                return MustEnd::ReadTooSlowly;
            }
            let is_idle = self.requests.are_ended() && self.requests.begun() == begun;
            idle = if is_idle { idle + LOOK_EVERY } else { Duration::ZERO };
            if idle >= IDLE_TIMEOUT {
                return MustEnd::Idle;
            }
            begun = self.requests.begun();
        }
    }
}

/// The answer, and the request that it belongs to if that counts.
async fn answer(
    router: Router,
    request: Request<Body>,
    counted: Result<CountedRequest, NotCounted>,
) -> Result<(Response<Body>, Option<CountedRequest>), NoAnswer> {
    let counted = match counted {
        Ok(counted) => counted,
        Err(NotCounted::GaveWay) => return Err(NoAnswer::GaveWay),
        Err(NotCounted::TooMany(too_many)) => {
            let mut response = axum::response::IntoResponse::into_response(too_many.problem());
            if cors::applies_to(request.uri().path()) {
                cors::allow(response.headers_mut());
            }
            return Ok((response, None));
        }
    };
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => {
            let never: Infallible = never;
            match never {}
        }
    };
    if response.extensions().get::<CloseWithoutAnswer>().is_some() {
        return Err(NoAnswer::Fault);
    }
    Ok((response, Some(counted)))
}

/// Waits for the first byte, and says whether it is none of a request in plain text. All methods
/// begin with a letter, and no handshake does.
async fn begins_tls(stream: &TcpStream) -> std::io::Result<bool> {
    let mut first = [0];
    let read = stream.peek(&mut first).await?;
    Ok(read == 0 || !first[0].is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Bytes;

    /// When the connection must end, and why, after what `during` does.
    async fn ends(during: impl AsyncFnOnce(&Requests, &UnreadAnswers)) -> (u64, MustEnd) {
        let (requests, unread) = (Requests::default(), UnreadAnswers::new(READING));
        let begun = tokio::time::Instant::now();
        requests.begin_http2();
        let look = Look { requests: &requests, unread: &unread };
        let ((), must_end) = tokio::join!(during(&requests, &unread), look.until_it_must_end());
        (begun.elapsed().as_secs(), must_end)
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_of_http2_may_be_idle_for_a_time() {
        assert_eq!(ends(async |_, _| {}).await, (90, MustEnd::Idle));
        let late = async |requests: &Requests, _: &UnreadAnswers| {
            tokio::time::sleep(Duration::from_secs(81)).await;
            drop(requests.begin());
        };
        assert_eq!(ends(late).await, (175, MustEnd::Idle));
        let open = async |requests: &Requests, _: &UnreadAnswers| {
            let request = requests.begin();
            tokio::time::sleep(Duration::from_secs(601)).await;
            drop(request);
        };
        assert_eq!(ends(open).await, (690, MustEnd::Idle));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_read_ends_its_connection() {
        let unread = async |requests: &Requests, unread: &UnreadAnswers| {
            let answer = unread.begin(requests.begin());
            let piece = answer.piece(Bytes::from_static(b"0"));
            tokio::time::sleep(Duration::from_mins(10)).await;
            drop(piece);
        };
        let (_, must_end) = ends(unread).await;
        assert_eq!(must_end, MustEnd::ReadTooSlowly);
    }
}
