//! The address at which this machine reaches the configured server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::listen::ListenAddress;
use super::settings::Config;

impl Config {
    /// The address of the server for programs on this machine, such as `https://127.0.0.1:8787`.
    /// `None` if the server picks its port when it starts.
    ///
    /// A certificate is usually for another name than this one. A program that sends no secret,
    /// such as a health check, need not verify it: the connection does not leave the machine.
    pub fn local_url(&self) -> Option<String> {
        let scheme = if self.tls.files().is_some() { "https" } else { "http" };
        let authority = match self.listen.addresses().first()? {
            ListenAddress::Ip(address) => reachable(*address).to_string(),
            ListenAddress::All(port) | ListenAddress::Localhost(port) => {
                SocketAddr::from((Ipv4Addr::LOCALHOST, *port)).to_string()
            }
            ListenAddress::Name(name, port) => format!("{name}:{port}"),
        };
        (!authority.ends_with(":0")).then(|| format!("{scheme}://{authority}"))
    }
}

/// An address at which this machine reaches a server that listens on `address`.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
