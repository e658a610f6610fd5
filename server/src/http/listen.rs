//! Accepting connections: HTTP/1.1, with limits on how many there are and how slow they may be.

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

use super::write_timeout::WriteTimeout;
use crate::system::open_files::connections;

/// Most connections at a time, if the system allows so many. Further ones wait to be accepted.
const CONNECTIONS_MAX: u64 = 8_192;
/// How long a request's head may take, or a connection may idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may take nothing of an answer that waits for it.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// Most of a request's head that is kept in memory, in bytes.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// How long to pause when the system cannot give a connection, for want of file descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The other end of the connection a request came on.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Put into a response, it ends the connection instead of answering.
#[derive(Debug, Clone, Copy)]
pub struct Cut;

#[derive(Debug, thiserror::Error)]
#[error("answer: the connection is cut on purpose")]
struct CutError;

/// Serves `router` until `stop` holds true, then gives open requests `grace` to end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    mut stop: watch::Receiver<bool>,
    grace: Duration,
) {
    let graceful = GracefulShutdown::new();
    let places =
        Arc::new(Semaphore::new(usize::try_from(connections(CONNECTIONS_MAX)).unwrap_or(1)));
    let stopped = async {
        // An error means that whoever could stop us is gone, which stops us, too.
        drop(stop.wait_for(|stop| *stop).await);
    };
    tokio::pin!(stopped);
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        tokio::select! {
            (place, accepted) = next => match accepted {
                Ok((stream, peer)) => connect(&graceful, stream, peer, &router, place),
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
        tracing::warn!("some requests did not end in time; their connections are closed");
    }
}

fn connect(
    graceful: &GracefulShutdown,
    stream: TcpStream,
    peer: SocketAddr,
    router: &Router,
    place: Option<OwnedSemaphorePermit>,
) {
    // Answers are small and must not wait for more to come.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "failed to set a connection up");
    }
    let router = router.clone();
    let service = service_fn(move |request| answer(router.clone(), request, peer));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(WriteTimeout::new(stream, WRITE_PATIENCE)), service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        let _place = place;
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended early");
        }
    });
}

async fn answer(
    router: Router,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Result<Response<Body>, CutError> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(peer));
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => {
            let never: Infallible = never;
            match never {}
        }
    };
    if response.extensions().get::<Cut>().is_some() {
        return Err(CutError);
    }
    Ok(response)
}
