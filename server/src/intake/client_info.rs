//! What is kept about how a request arrived.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::HeaderMap;
use http::header::{HeaderName, ORIGIN, USER_AGENT};

use super::TrustedProxies;

/// Longest header value that is kept, in bytes.
const HEADER_BYTES_MAX: usize = 512;

/// What is kept about how a request arrived.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) user_agent: Option<String>,
    pub(super) origin: Option<String>,
    pub(super) client: Option<String>,
}

/// What is kept of the address that a request came from. The address itself never is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientNetwork {
    /// The network it is in, /24 or /48.
    #[default]
    Cut,
    /// Nothing, so that no place can be told from it.
    Drop,
}

impl ClientNetwork {
    /// Its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Drop => "drop",
        }
    }
}

/// Where events come from: who is believed about it, and what is kept of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clients {
    /// Who may say that a request came from somewhere else.
    pub proxies: TrustedProxies,
    /// What is kept of the address.
    pub kept: ClientNetwork,
}

impl Clients {
    /// What is kept about a request that `peer` connected for.
    pub(super) fn facts(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Facts {
        let client = peer.filter(|_| self.kept == ClientNetwork::Cut);
        Facts {
            user_agent: header(headers, &USER_AGENT),
            origin: header(headers, &ORIGIN),
            client: client.map(|peer| network(self.proxies.client(peer, headers))),
        }
    }
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.get(..HEADER_BYTES_MAX).unwrap_or(value).to_owned())
}

/// The network that an address is in, /24 or /48: enough to tell a country, too little to tell a person.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{}/24", Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_dropped_if_it_is_to_be() {
        let peer = "203.0.113.77".parse().ok();
        let kept =
            |kept| Clients { kept, ..Clients::default() }.facts(&HeaderMap::new(), peer).client;
        assert_eq!(kept(ClientNetwork::Cut).as_deref(), Some("203.0.113.0/24"));
        assert_eq!(kept(ClientNetwork::Drop), None);
    }

    #[test]
    fn an_address_is_cut_to_its_network() {
        for (address, want) in [
            ("203.0.113.77", "203.0.113.0/24"),
            ("::ffff:203.0.113.77", "203.0.113.0/24"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ] {
            assert_eq!(network(address.parse().unwrap()), want);
        }
    }
}
