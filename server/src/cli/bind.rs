//! Opens the sockets to listen on.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use super::serve::ServeError;
use crate::config::{Listen, ListenAddress};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
/// How often a free port is picked until it is free for all addresses of a name.
const PICKS_MAX: usize = 16;

/// The addresses of one entry of the setting. All get the same port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Each must be there.
    addresses: Vec<SocketAddr>,
    /// Used if the machine has this family of addresses.
    optional: Option<SocketAddr>,
    /// Used instead if the machine has no IPv6.
    instead: Option<SocketAddr>,
}

impl Wanted {
    fn one(address: SocketAddr) -> Self {
        Self { addresses: vec![address], optional: None, instead: None }
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.addresses.iter().copied().chain(self.optional)
    }
}

/// The addresses that `listen` stands for, each once.
///
/// # Errors
/// [`ServeError::Name`], when a name has no address.
pub(super) async fn resolve(listen: &Listen) -> Result<Vec<Wanted>, ServeError> {
    let mut all: Vec<Wanted> = Vec::new();
    for address in listen.addresses() {
        let mut wanted = match address {
            ListenAddress::Ip(address) => Wanted::one(*address),
            ListenAddress::All(port) => Wanted {
                instead: Some((Ipv4Addr::UNSPECIFIED, *port).into()),
                ..Wanted::one((Ipv6Addr::UNSPECIFIED, *port).into())
            },
            ListenAddress::Localhost(port) => Wanted {
                optional: Some((Ipv6Addr::LOCALHOST, *port).into()),
                ..Wanted::one((Ipv4Addr::LOCALHOST, *port).into())
            },
            ListenAddress::Name(name, port) => {
                let failed = |source| ServeError::Name { name: name.clone(), source };
                let found = tokio::net::lookup_host((name.as_str(), *port)).await;
                let addresses: Vec<SocketAddr> = found.map_err(failed)?.collect();
                if addresses.is_empty() {
                    return Err(failed(io::Error::other("it has no address")));
                }
                Wanted { addresses, optional: None, instead: None }
            }
        };
        let is_new = |it: &SocketAddr| {
            it.port() == 0 || !all.iter().any(|wanted| wanted.addresses().any(|known| known == *it))
        };
        wanted.optional = wanted.optional.filter(is_new);
        wanted.addresses.retain(is_new);
        let mut seen = Vec::new();
        wanted.addresses.retain(|it| {
            !seen.contains(it) && {
                seen.push(*it);
                true
            }
        });
        if wanted.addresses().next().is_some() {
            all.push(wanted);
        }
    }
    Ok(all)
}

/// Listens on all of `wanted`. The result is in their order.
///
/// # Errors
/// [`ServeError::InUse`] or [`ServeError::Listen`], with the address.
pub(super) fn bind(wanted: &[Wanted]) -> Result<Vec<(TcpListener, SocketAddr)>, ServeError> {
    let v4_ports: Vec<u16> = wanted
        .iter()
        .flat_map(Wanted::addresses)
        .filter(|it| it.is_ipv4() && it.port() != 0)
        .map(|it| it.port())
        .collect();
    let mut bound = Vec::new();
    for wanted in wanted {
        bound.extend(bind_one(wanted, &v4_ports)?);
    }
    Ok(bound)
}

fn bind_one(
    wanted: &Wanted,
    v4_ports: &[u16],
) -> Result<Vec<(TcpListener, SocketAddr)>, ServeError> {
    let mut picks_left = PICKS_MAX;
    loop {
        picks_left -= 1;
        match try_bind(wanted, v4_ports) {
            // The port was free for the first address only.
            Err((address, error))
                if error.kind() == io::ErrorKind::AddrInUse
                    && wanted.addresses().all(|it| it.port() == 0)
                    && picks_left > 0 =>
            {
                tracing::debug!(%address, "a free port is in use for another address");
            }
            Err((address, error)) => {
                return Err(match error.kind() {
                    io::ErrorKind::AddrInUse => ServeError::InUse(address),
                    _ => ServeError::Listen { address, source: error },
                });
            }
            Ok(bound) => return Ok(bound),
        }
    }
}

type Bound = Vec<(TcpListener, SocketAddr)>;

fn try_bind(wanted: &Wanted, v4_ports: &[u16]) -> Result<Bound, (SocketAddr, io::Error)> {
    let mut bound: Bound = Vec::new();
    for address in wanted.addresses() {
        let mut address = address;
        if let Some((_, first)) = bound.first() {
            address.set_port(first.port());
        }
        let both_families =
            address.ip() == Ipv6Addr::UNSPECIFIED && !v4_ports.contains(&address.port());
        let listener = listen_on(address, both_families);
        match (listener, wanted.instead) {
            (Ok(listener), _) => bound.push(listener),
            (Err(error), _) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err((address, error));
            }
            (Err(_), Some(instead)) => {
                bound.push(listen_on(instead, false).map_err(|error| (instead, error))?);
            }
            // A machine without IPv6.
            (Err(_), None) if wanted.optional.is_some() && address.is_ipv6() => {}
            (Err(error), None) => return Err((address, error)),
        }
    }
    Ok(bound)
}

fn listen_on(address: SocketAddr, both_families: bool) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(!both_families)?;
    }
    // On Unix, a server that was just stopped leaves connections behind that have the port. On
    // Windows, this would let two servers listen on it.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from_std(socket.into())?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use clap::{Args, FromArgMatches};

    fn listen(text: &str) -> Listen {
        let command = Config::augment_args(clap::Command::new("settings"));
        let matches = command.get_matches_from(["settings", "--listen", text]);
        Config::from_arg_matches(&matches).unwrap().listen
    }

    async fn resolved(text: &str) -> Vec<String> {
        let wanted = resolve(&listen(text)).await.unwrap();
        wanted.iter().flat_map(Wanted::addresses).map(|it| it.to_string()).collect()
    }

    #[tokio::test]
    async fn a_name_stands_for_all_its_addresses_each_of_them_once() {
        assert_eq!(resolved("localhost:1").await, ["127.0.0.1:1", "[::1]:1"]);
        assert_eq!(resolved(":1").await, ["[::]:1"]);
        assert_eq!(resolved("127.0.0.1:1,localhost:1").await, ["127.0.0.1:1", "[::1]:1"]);
        assert_eq!(resolved("localhost:1,[::1]:1,127.0.0.1:2").await.len(), 3);
        let error = resolve(&listen("no-such-host.invalid:1")).await.unwrap_err();
        assert!(error.to_string().contains("`no-such-host.invalid`"), "{error}");
    }

    #[tokio::test]
    async fn all_addresses_of_a_name_get_the_same_free_port() {
        let wanted = resolve(&listen("localhost:0")).await.unwrap();
        let bound = bind(&wanted).unwrap();
        assert_eq!(bound[0].1.ip(), Ipv4Addr::LOCALHOST);
        assert!(bound.iter().all(|(_, it)| it.port() == bound[0].1.port() && it.port() != 0));
        let again = format!("localhost:{}", bound[0].1.port());
        let again = resolve(&listen(&again)).await.unwrap();
        assert!(matches!(bind(&again), Err(ServeError::InUse(_))));
    }

    #[tokio::test]
    async fn all_networks_are_reached_over_both_families() {
        let bound = bind(&resolve(&listen(":0")).await.unwrap()).unwrap();
        let port = bound[0].1.port();
        std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        if bound[0].1.is_ipv6() {
            std::net::TcpStream::connect(("::1", port)).unwrap();
        }
        drop(bound);
        // An IPv4 address with the same port is a socket of its own.
        let both = format!("127.0.0.1:{port},[::]:{port}");
        assert_eq!(bind(&resolve(&listen(&both)).await.unwrap()).unwrap().len(), 2);
    }
}
