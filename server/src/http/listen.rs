//! Accepts connections: HTTP/1.1, with limits on their number and on slow clients.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt;

use super::head_timeout::{HeadTimeout, Requests};
use super::write_timeout::WriteTimeout;
use crate::system::open_files::connections;
use crate::system::supervisor::spawn_logged;

/// Most connections at a time, if the open-file limit allows this many. Others wait to be accepted.
const CONNECTIONS_MAX: u64 = 8_192;
/// How long a request's head may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection may be idle between two requests: longer than usual proxies keep one (60 s
/// for nginx and the load balancers of AWS), so that the proxy closes it and not the server.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// How long a client may read nothing of an answer that is being written.
const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// How long to pause after a failure to accept, for example without a free file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The address at the other end of a request's connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// As an extension of a response, it closes the connection without an answer.
#[derive(Debug, Clone, Copy)]
pub struct CloseWithoutAnswer;

#[derive(Debug, thiserror::Error)]
#[error("answer: the demo's fault closes the connection")]
struct ClosedWithoutAnswer;

/// Serves `router` until `stop` becomes true, then gives open requests `grace` to finish.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    mut stop: watch::Receiver<bool>,
    grace: Duration,
) {
    let graceful = GracefulShutdown::new();
    let permits =
        Arc::new(Semaphore::new(usize::try_from(connections(CONNECTIONS_MAX)).unwrap_or(1)));
    let stopped = async {
        // An error means that the sender is gone. Nothing could stop the server later, so stop now.
        drop(stop.wait_for(|stop| *stop).await);
    };
    tokio::pin!(stopped);
    loop {
        let next = async {
            let permit = Arc::clone(&permits).acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        tokio::select! {
            (permit, accepted) = next => match accepted {
                Ok((stream, peer)) => connect(&graceful, stream, peer, &router, permit),
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
    permit: Option<OwnedSemaphorePermit>,
) {
    // Answers are small, and Nagle's algorithm would delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "failed to set TCP_NODELAY on a connection");
    }
    let router = router.clone();
    let requests = Requests::default();
    let stream = HeadTimeout::new(stream, HEAD_TIMEOUT, requests.clone());
    let service = service_fn(move |request| {
        let begun = requests.begin();
        let answer = answer(router.clone(), request, peer);
        async move {
            let answer = answer.await;
            drop(begun);
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(WriteTimeout::new(stream, WRITE_STALL_TIMEOUT)), service);
    let connection = graceful.watch(connection);
    spawn_logged("connection", async move {
        let _permit = permit;
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended before its answer was sent");
        }
    });
}

async fn answer(
    router: Router,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Result<Response<Body>, ClosedWithoutAnswer> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(peer));
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => {
            let never: Infallible = never;
            match never {}
        }
    };
    if response.extensions().get::<CloseWithoutAnswer>().is_some() {
        return Err(ClosedWithoutAnswer);
    }
    Ok(response)
}
