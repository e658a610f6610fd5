//! Accepts connections, with limits on their number.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};

use super::client_address::ClientAddresses;
use super::connections::{Connections, TooMany};
use super::serving::Serving;
use super::tls::Tls;
use super::unserved::tell;
use crate::system::open_files::connections;
use crate::system::supervisor::spawn_logged;

/// Most connections at a time, if the open-file limit allows this many.
const CONNECTIONS_MAX: u64 = 8_192;
/// How long to pause after a failure to accept, for example without a free file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Most refused connections at a time that are told why. Further ones are closed at once.
const REFUSING_MAX: usize = 64;

/// The address at the other end of a request's connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// As an extension of a response, it closes the connection without an answer.
#[derive(Debug, Clone, Copy)]
pub struct CloseWithoutAnswer;

/// Where connections come from.
pub struct Listening {
    /// The sockets. All of them share the limits.
    pub listeners: Vec<TcpListener>,
    /// Connections are encrypted with this.
    pub tls: Option<Arc<Tls>>,
}

impl From<TcpListener> for Listening {
    fn from(listener: TcpListener) -> Self {
        Self { listeners: vec![listener], tls: None }
    }
}

impl Listening {
    /// The next connection on any of the sockets, each of which gets its turn.
    async fn accept(&self, turn: &mut usize) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = poll_fn(|context| {
            for _ in 0..self.listeners.len() {
                *turn = (*turn + 1) % self.listeners.len();
                if let Poll::Ready(accepted) = self.listeners[*turn].poll_accept(context) {
                    return Poll::Ready(accepted);
                }
            }
            Poll::Pending
        })
        .await?;
        // A socket for both families gives IPv4 addresses in the form of IPv6.
        Ok((stream, SocketAddr::new(peer.ip().to_canonical(), peer.port())))
    }
}

/// Serves `router` until `stop` becomes true, then gives open requests `grace` to finish.
pub async fn serve(
    listening: impl Into<Listening>,
    router: Router,
    mut stop: watch::Receiver<bool>,
    grace: Duration,
    addresses: Arc<ClientAddresses>,
) {
    let listening = listening.into();
    let connections_max = usize::try_from(connections(CONNECTIONS_MAX)).unwrap_or(1);
    let connections = Connections::new(connections_max, addresses);
    let refusing = Arc::new(Semaphore::new(REFUSING_MAX));
    let (alive, mut ended) = mpsc::channel(1);
    let (ending, end) = watch::channel(false);
    let tls = listening.tls.as_ref().map(|tls| tls.acceptor());
    let serving = Serving { router, tls, stop: end, _alive: alive };
    let stopped = async {
        // An error means that the sender is gone. Nothing could stop the server later, so stop now.
        drop(stop.wait_for(|stop| *stop).await);
    };
    tokio::pin!(stopped);
    let mut turn = 0;
    loop {
        let next = async {
            let (stream, peer) = listening.accept(&mut turn).await?;
            Ok::<_, io::Error>((stream, peer, connections.admit(peer.ip()).await))
        };
        tokio::select! {
            next = next => match next {
                Ok((stream, peer, Ok(place))) => serving.start(stream, peer, place),
                Ok((stream, _, Err(too_many))) => refuse(stream, too_many, &refusing, serving.tls.is_some()),
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = &mut stopped => break,
        }
    }
    drop((listening, serving));
    ending.send_replace(true);
    if tokio::time::timeout(grace, ended.recv()).await.is_err() {
        tracing::warn!("some requests did not finish in time, so their connections were closed");
    }
}

/// Says why a connection is not served, if its client reads that at once. With TLS it could not,
/// without a handshake, which is too much work for a connection that is not served.
fn refuse(stream: TcpStream, too_many: TooMany, refusing: &Arc<Semaphore>, is_tls: bool) {
    let TooMany { address, connections_max } = too_many;
    tracing::debug!(%address, connections_max, "refused a connection");
    if is_tls {
        return;
    }
    let Ok(permit) = Arc::clone(refusing).try_acquire_owned() else { return };
    spawn_logged("refused connection", async move {
        let _permit = permit;
        tell(stream, too_many.problem()).await;
    });
}
