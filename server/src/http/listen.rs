//! Accepts connections: HTTP/1.1, with limits on their number and on slow clients.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use http::{Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;

use super::client_address::ClientAddresses;
use super::connection::Busy;
use super::connections::{Connections, Place, TooMany};
use super::error_answers::{self, ErrorAnswers};
use super::head_timeout::{HeadTimeout, OpenRequest, Requests};
use super::patience::Patience;
use super::problem::Problem;
use super::write_timeout::WriteTimeout;
use crate::system::open_files::connections;
use crate::system::supervisor::spawn_logged;

/// Most connections at a time, if the open-file limit allows this many.
const CONNECTIONS_MAX: u64 = 8_192;
/// How long a request's head may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection may be idle between two requests: longer than usual proxies keep one (60 s
/// for nginx and the load balancers of AWS), so that the proxy closes it and not the server.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// How slowly a client may read an answer. Few answers are larger than the system's buffers.
const READING: Patience = Patience { slack: Duration::from_secs(30), bytes_per_s_min: 1024 };
/// Largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// How long to pause after a failure to accept, for example without a free file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Most refused connections at a time that are told why. Further ones are closed at once.
const REFUSING_MAX: usize = 64;
/// How long a refused client may take to read why.
const REFUSING_TIMEOUT: Duration = Duration::from_secs(1);

/// The address at the other end of a request's connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// As an extension of a response, it closes the connection without an answer.
#[derive(Debug, Clone, Copy)]
pub struct CloseWithoutAnswer;

#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error("answer: the demo's fault closes the connection")]
    Fault,
    #[error("answer: the connection gave way to a new one")]
    GaveWay,
}

/// Serves `router` until `stop` becomes true, then gives open requests `grace` to finish.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    mut stop: watch::Receiver<bool>,
    grace: Duration,
    addresses: Arc<ClientAddresses>,
) {
    let graceful = GracefulShutdown::new();
    let connections_max = usize::try_from(connections(CONNECTIONS_MAX)).unwrap_or(1);
    let connections = Connections::new(connections_max, addresses);
    let refusing = Arc::new(Semaphore::new(REFUSING_MAX));
    let stopped = async {
        // An error means that the sender is gone. Nothing could stop the server later, so stop now.
        drop(stop.wait_for(|stop| *stop).await);
    };
    tokio::pin!(stopped);
    loop {
        let next = async {
            let (stream, peer) = listener.accept().await?;
            Ok::<_, std::io::Error>((stream, peer, connections.admit(peer.ip()).await))
        };
        tokio::select! {
            next = next => match next {
                Ok((stream, peer, Ok(place))) => connect(&graceful, stream, peer, &router, place),
                Ok((stream, _, Err(too_many))) => refuse(stream, too_many, &refusing),
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = &mut stopped => break,
        }
    }
    drop(listener);
    if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time, so their connections were closed");
    }
}

fn connect(
    graceful: &GracefulShutdown,
    stream: TcpStream,
    peer: SocketAddr,
    router: &Router,
    place: Place,
) {
    // Answers are small, and Nagle's algorithm would delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "failed to set TCP_NODELAY on a connection");
    }
    let router = router.clone();
    let requests = Requests::default();
    let stream = HeadTimeout::new(stream, HEAD_TIMEOUT, requests.clone());
    let stream = ErrorAnswers::new(stream, requests.clone());
    let connection = Arc::clone(&place.connection);
    let service = service_fn(move |request: Request<Incoming>| {
        let (open, form) = requests.begin();
        let busy = connection.begin().ok_or(NoAnswer::GaveWay);
        let router = router.clone();
        async move {
            let busy = busy?;
            let mut request = request.map(Body::new);
            let extensions = request.extensions_mut();
            extensions.insert(Peer(peer));
            extensions.insert(open.clone());
            extensions.insert(form);
            let answer = answer(router, request).await?;
            Ok::<_, NoAnswer>(answer.map(|body| AnswerBody { body, _open: open, _busy: busy }))
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(WriteTimeout::new(stream, READING)), service);
    let serving = graceful.watch(serving);
    spawn_logged("connection", async move {
        tokio::select! {
            served = serving => if let Err(error) = served {
                tracing::debug!(%error, "a connection ended before its answer was sent");
            },
            () = place.connection.must_close() => {
                tracing::debug!("an idle connection was closed for a new one");
            }
        }
    });
}

/// Says why a connection is not served, if its client reads that at once.
fn refuse(mut stream: TcpStream, too_many: TooMany, refusing: &Arc<Semaphore>) {
    let Ok(permit) = Arc::clone(refusing).try_acquire_owned() else { return };
    let TooMany { address, connections_max } = too_many;
    tracing::debug!(%address, connections_max, "refused a connection");
    let retry_after_s = TooMany::retry_after_s();
    let problem = Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_connections",
        format!(
            "too many connections: {address} uses all {connections_max} that one address may have. \
             Use connections again, and retry after {retry_after_s} s"
        ),
    );
    let answer = error_answers::written(&problem.retry_after_s(retry_after_s));
    spawn_logged("refused connection", async move {
        let _permit = permit;
        // Without reading the request, the connection would be reset, and the answer lost.
        let told = async {
            stream.write_all(&answer).await?;
            stream.shutdown().await?;
            while stream.read(&mut [0; 4096]).await? > 0 {}
            Ok::<_, std::io::Error>(())
        };
        let _ = tokio::time::timeout(REFUSING_TIMEOUT, told).await;
    });
}

async fn answer(router: Router, request: Request<Body>) -> Result<Response<Body>, NoAnswer> {
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
    Ok(response)
}

/// The body of an answer. Its request lasts until all of it was given to the connection.
struct AnswerBody {
    body: Body,
    _open: OpenRequest,
    _busy: Busy,
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        HttpBody::size_hint(&self.body)
    }
}
