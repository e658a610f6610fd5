//! Which client a request or a connection counts for, when clients share limits.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderMap;

use super::proxies::{FORWARDED_FOR, TrustedProxies};

/// The address that a client's limits count for: an IPv4 address, or the /64 of an IPv6 address,
/// because one host usually has a whole /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ClientAddress(IpAddr);

impl ClientAddress {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.into()),
            IpAddr::V6(address) => {
                let network = address.to_bits() & (u128::MAX << 64);
                Self(Ipv6Addr::from_bits(network).into())
            }
        }
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(network) => write!(f, "{network}/64"),
        }
    }
}

/// The client of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) address: ClientAddress,
    /// Whether many clients may have this address, because it may be the one of a proxy.
    pub(crate) is_shared: bool,
}

/// Finds the client of a request or a connection.
#[derive(Debug, Default)]
pub struct ClientAddresses {
    proxies: TrustedProxies,
    /// Whether the log already says that a proxy may be missing among the trusted ones.
    has_warned: AtomicBool,
}

impl ClientAddresses {
    /// Believes these proxies.
    pub fn new(proxies: TrustedProxies) -> Self {
        Self { proxies, has_warned: AtomicBool::new(false) }
    }

    /// The client of a request on a connection from `peer`.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        if is_local(peer) && !self.is_trusted(peer) && headers.contains_key(FORWARDED_FOR) {
            self.warn_of_untrusted(peer, "it sends X-Forwarded-For");
        }
        let address = self.proxies.client(peer, headers);
        Client { address: ClientAddress::of(address), is_shared: is_local(address) }
    }

    pub(crate) fn is_trusted(&self, peer: IpAddr) -> bool {
        self.proxies.contains(peer.to_canonical())
    }

    /// Says once that `peer` looks like a proxy that is not trusted.
    pub(crate) fn warn_of_untrusted(&self, peer: IpAddr, why: &'static str) {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            let peer = peer.to_canonical();
            tracing::warn!(
                %peer, why,
                "all requests from one address share its limits. If it is a reverse proxy, set \
                 `trusted_proxies` (--trusted-proxies) to its address, so that each of its clients \
                 has limits of its own"
            );
        }
    }
}

/// Whether an address belongs to this machine or to a private network, where a reverse proxy may
/// be that nobody has configured.
pub(crate) fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            address.is_loopback() || address.is_private() || address.is_link_local()
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_ipv6_host_counts_as_its_network_of_64_bits() {
        let of = |text| ClientAddress::of(address(text));
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::"), of("2001:db8:1:3::"));
        assert_eq!(of("2001:db8:1:2:3::1").to_string(), "2001:db8:1:2::/64");
        assert_eq!(of("::ffff:203.0.113.9"), of("203.0.113.9"), "an IPv4 address in IPv6 form");
        assert_ne!(of("203.0.113.9"), of("203.0.113.10"));
    }

    #[test]
    fn only_a_trusted_proxy_names_the_client() {
        let headers = HeaderMap::from_iter([(FORWARDED_FOR, "198.51.100.7".parse().unwrap())]);
        let networks = vec!["127.0.0.0/8".parse().unwrap()];
        let trusting = ClientAddresses::new(TrustedProxies::new(networks));
        let client = trusting.client(address("127.0.0.1"), &headers);
        assert_eq!(client.address, ClientAddress::of(address("198.51.100.7")));
        assert!(!client.is_shared);
        let client = ClientAddresses::default().client(address("127.0.0.1"), &headers);
        assert_eq!(client.address, ClientAddress::of(address("127.0.0.1")));
        assert!(client.is_shared, "it may be a proxy that is not configured");
        let client = ClientAddresses::default().client(address("203.0.113.9"), &headers);
        assert_eq!(client.address, ClientAddress::of(address("203.0.113.9")));
        assert!(!client.is_shared);
    }

    #[test]
    fn private_networks_are_local_and_public_ones_are_not() {
        for text in ["127.0.0.1", "10.1.2.3", "172.18.0.2", "192.168.1.1", "::1", "fd00::1"] {
            assert!(is_local(address(text)), "{text}");
        }
        for text in ["203.0.113.9", "172.32.0.1", "2001:db8::1", "100.128.0.1"] {
            assert!(!is_local(address(text)), "{text}");
        }
    }
}
