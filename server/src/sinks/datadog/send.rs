//! Groups metrics into datagrams and sends them.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::store::Reason;

/// How long the agent may take to accept a datagram.
const SEND: Duration = Duration::from_secs(1);

/// How long a check may take, and how long it waits for a closed port to refuse.
const CHECK: Duration = Duration::from_secs(5);
const REFUSAL: Duration = Duration::from_millis(300);

/// Where an agent listens.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// Host and port.
    Udp(String),
    /// Path of a Unix socket.
    #[cfg(unix)]
    Unix(std::path::PathBuf),
}

impl Target {
    /// The most bytes of a datagram: the limits of Datadog's client libraries.
    pub(super) const fn datagram_bytes_max(&self) -> usize {
        match self {
            Self::Udp(_) => 1_432,
            #[cfg(unix)]
            Self::Unix(_) => 8_192,
        }
    }
}

/// Lines that go together in one datagram.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Datagram {
    /// Its bytes.
    pub text: String,
    /// The places of its events in the batch.
    pub events: Vec<usize>,
}

/// Groups lines into datagrams, in order. Also gives the places of lines that are too long.
pub fn pack(
    lines: impl IntoIterator<Item = (usize, String)>,
    bytes_max: usize,
) -> (Vec<Datagram>, Vec<usize>) {
    let (mut datagrams, mut too_long) = (Vec::<Datagram>::new(), Vec::new());
    for (at, line) in lines {
        if line.len() > bytes_max {
            too_long.push(at);
            continue;
        }
        match datagrams.last_mut() {
            Some(last) if last.text.len() + 1 + line.len() <= bytes_max => {
                last.text.push('\n');
                last.text.push_str(&line);
                last.events.push(at);
            }
            _ => datagrams.push(Datagram { text: line, events: vec![at] }),
        }
    }
    (datagrams, too_long)
}

#[derive(Debug)]
enum Socket {
    Udp(tokio::net::UdpSocket),
    #[cfg(unix)]
    Unix(tokio::net::UnixDatagram),
}

/// The connection to an agent. It is opened when first needed, and again after an error.
#[derive(Debug)]
pub(super) struct Agent {
    target: Target,
    open: RwLock<Option<Arc<Socket>>>,
}

impl Agent {
    pub(super) fn new(target: Target) -> Self {
        Self { target, open: RwLock::new(None) }
    }

    /// Sends one datagram, once.
    pub(super) async fn send(&self, datagram: &[u8]) -> Result<(), Reason> {
        let Ok(sent) = tokio::time::timeout(SEND, self.try_send(datagram)).await else {
            return Err(Reason::new(
                "agent_busy",
                "the agent did not accept a datagram within 1 s",
            ));
        };
        sent.map_err(|error| {
            *self.open.write().unwrap_or_else(PoisonError::into_inner) = None;
            Reason::new("agent_unreachable", &error.to_string())
        })
    }

    /// Sends an empty datagram, which an agent ignores. Returns whether the agent is known to have
    /// taken it, which UDP does not tell.
    pub(super) async fn check(&self) -> Result<bool, Reason> {
        let failed = |error: std::io::Error| Reason::new("agent_unreachable", &error.to_string());
        let checked = tokio::time::timeout(CHECK, async {
            match connect(&self.target).await? {
                Socket::Udp(socket) => {
                    socket.send(&[]).await?;
                    // The refusal of a closed port arrives after the datagram was sent.
                    match tokio::time::timeout(REFUSAL, socket.recv(&mut [0])).await {
                        Ok(Err(error)) => Err(error),
                        Ok(Ok(_)) | Err(_) => Ok(false),
                    }
                }
                #[cfg(unix)]
                Socket::Unix(socket) => socket.send(&[]).await.map(|_| true),
            }
        });
        let Ok(checked) = checked.await else {
            let why = "the agent did not accept a datagram within 5 s";
            return Err(Reason::new("agent_busy", why));
        };
        checked.map_err(failed)
    }

    async fn try_send(&self, datagram: &[u8]) -> std::io::Result<()> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner).clone();
        let socket = if let Some(socket) = open {
            socket
        } else {
            let socket = Arc::new(connect(&self.target).await?);
            let kept = Some(Arc::clone(&socket));
            *self.open.write().unwrap_or_else(PoisonError::into_inner) = kept;
            socket
        };
        match &*socket {
            Socket::Udp(socket) => socket.send(datagram).await?,
            #[cfg(unix)]
            Socket::Unix(socket) => socket.send(datagram).await?,
        };
        Ok(())
    }
}

async fn connect(target: &Target) -> std::io::Result<Socket> {
    match target {
        Target::Udp(address) => {
            let mut last = std::io::Error::other("the agent's host name has no address");
            for address in tokio::net::lookup_host(address).await? {
                let any: std::net::SocketAddr = match address {
                    std::net::SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
                    std::net::SocketAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
                };
                let socket = tokio::net::UdpSocket::bind(any).await?;
                match socket.connect(address).await {
                    Ok(()) => return Ok(Socket::Udp(socket)),
                    Err(error) => last = error,
                }
            }
            Err(last)
        }
        #[cfg(unix)]
        Target::Unix(path) => {
            let socket = tokio::net::UnixDatagram::unbound()?;
            socket.connect(path)?;
            Ok(Socket::Unix(socket))
        }
    }
}
