//! Which facts about a client are stored with its payload.

use std::net::{IpAddr, Ipv6Addr};

use http::HeaderMap;
use http::header::{HeaderName, ORIGIN, USER_AGENT};

use crate::http::proxies::TrustedProxies;

/// Longest header value that is stored, in bytes.
const HEADER_BYTES_MAX: usize = 512;

/// Facts about a client that are stored with its payload.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientInfo {
    pub(crate) user_agent: Option<String>,
    pub(super) origin: Option<String>,
    /// The network of its address, /24 or /48.
    pub(crate) network: Option<String>,
}

/// What is stored of a client's IP address. The address itself never is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ClientNetwork {
    /// Its network: /24, or /48 for IPv6
    #[default]
    Cut,
    /// Nothing, so that no location can be derived
    Drop,
}

/// Decides which facts about clients are stored, and which proxies may report a client's address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientInfoPolicy {
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: TrustedProxies,
    /// What is stored of the client's address.
    pub network: ClientNetwork,
}

impl ClientInfoPolicy {
    /// What to store about a request that arrived on a connection from `peer`.
    pub(super) fn client_info(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> ClientInfo {
        let peer = peer.filter(|_| self.network == ClientNetwork::Cut);
        ClientInfo {
            user_agent: header(headers, &USER_AGENT),
            origin: header(headers, &ORIGIN),
            network: peer.map(|peer| network(self.trusted_proxies.client(peer, headers))),
        }
    }
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.get(..HEADER_BYTES_MAX).unwrap_or(value).to_owned())
}

/// The network of an address, /24 or /48. This is enough to derive a country, and too little to
/// identify a person.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
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
    fn no_address_is_stored_when_the_policy_drops_it() {
        let peer = "203.0.113.77".parse().ok();
        let stored = |network| {
            let policy = ClientInfoPolicy { network, ..ClientInfoPolicy::default() };
            policy.client_info(&HeaderMap::new(), peer).network
        };
        assert_eq!(stored(ClientNetwork::Cut).as_deref(), Some("203.0.113.0/24"));
        assert_eq!(stored(ClientNetwork::Drop), None);
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
