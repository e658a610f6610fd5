//! The address of the client when trusted proxies forward its requests. Pure.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::{HeaderMap, HeaderName};

/// The header to which a proxy appends the address that it received the request from.
pub(super) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Most proxies of one request that are evaluated.
const HOPS_MAX: usize = 16;

/// A network, such as `10.0.0.0/8`. An address alone is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    /// The prefix length: the number of leading bits that all of its addresses share.
    bits: u8,
}

/// A text is not a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// It does not begin with an IP address.
    #[error("it is neither an IP address nor a network such as 10.0.0.0/8")]
    Malformed,
    /// Its prefix length is larger than the number of bits in its address.
    #[error("the prefix length after the / is larger than the number of bits in the address")]
    TooLong,
    /// It names an address inside the network, so either the address or the length is wrong.
    #[error("its address has bits beyond its length; write the first address of the network")]
    Inside,
}

/// The bits of an address, with the first one as the highest, and their number.
fn bits(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

/// The bits of a number after its first ones.
fn beyond(number: u128, first: u8) -> u128 {
    number.checked_shl(u32::from(first)).unwrap_or(0)
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        let ((ours, bits_ours), (theirs, bits_theirs)) = (bits(self.first), bits(address));
        let differs = (ours ^ theirs).leading_zeros() < u32::from(self.bits);
        bits_ours == bits_theirs && !differs
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| NetworkError::Malformed)?;
        let (number, all) = bits(first);
        let length = length
            .map_or(Ok(all), |length| length.parse::<u8>().map_err(|_| NetworkError::Malformed))?;
        match () {
            () if length > all => Err(NetworkError::TooLong),
            () if beyond(number, length) != 0 => Err(NetworkError::Inside),
            () => Ok(Self { first, bits: length }),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

/// Proxies whose `X-Forwarded-For` is trusted. Any client can write the header, so it is ignored
/// when it comes from another address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Network>);

impl TrustedProxies {
    /// Trusts the proxies in these networks.
    pub fn new(networks: Vec<Network>) -> Self {
        Self(networks)
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// The address of the client for a request on a connection from `peer`: the last address in
    /// `X-Forwarded-For` that does not belong to a trusted proxy. The part before it can be forged.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        // A proxy appends to the last line of the header, or adds a line.
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let mut hops = lines
            .flat_map(|line| line.to_str().unwrap_or_default().rsplit(','))
            .map(address)
            .take(HOPS_MAX);
        while self.contains(client) {
            match hops.next() {
                Some(Some(hop)) => client = hop,
                // The addresses before an unreadable one cannot be attributed.
                Some(None) | None => break,
            }
        }
        client
    }
}

/// Reads an address as proxies write it. Some add the port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|it| it.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let address = text.parse().ok().or_else(with_port).or_else(in_brackets)?;
    Some(IpAddr::to_canonical(&address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn client(trusted: &[&str], peer: &str, lines: &[&str]) -> String {
        let networks = trusted.iter().map(|text| text.parse().unwrap()).collect();
        let headers = lines
            .iter()
            .map(|line| (FORWARDED_FOR, HeaderValue::from_str(line).unwrap()))
            .collect();
        TrustedProxies::new(networks).client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn addresses_that_no_trusted_proxy_wrote_are_ignored() {
        assert_eq!(client(&[], "203.0.113.9", &["1.1.1.1"]), "203.0.113.9");
        assert_eq!(client(&["10.0.0.0/8"], "203.0.113.9", &["10.0.0.1"]), "203.0.113.9");
        let forged = ["1.1.1.1, 10.0.0.7, 203.0.113.9"];
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &forged), "203.0.113.9");
        let forged = ["1.1.1.1", "203.0.113.9"];
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &forged), "203.0.113.9", "two lines");
    }

    #[test]
    fn a_chain_of_trusted_proxies_leads_to_the_client() {
        let trusted = ["10.0.0.0/8", "fd00::/8", "192.0.2.1"];
        let lines = ["1.1.1.1, 203.0.113.9,fd00::2", "192.0.2.1"];
        assert_eq!(client(&trusted, "10.0.0.1", &lines), "203.0.113.9");
        assert_eq!(client(&trusted, "::ffff:10.0.0.1", &lines), "203.0.113.9");
        assert_eq!(client(&trusted, "10.0.0.1", &["10.1.1.1, 10.2.2.2"]), "10.1.1.1");
    }

    #[test]
    fn an_address_may_have_a_port_or_brackets() {
        for (text, want) in [
            ("203.0.113.9:4711", "203.0.113.9"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
        ] {
            assert_eq!(client(&["10.0.0.1"], "10.0.0.1", &[text]), want);
        }
    }

    #[test]
    fn an_unreadable_entry_ends_the_search() {
        for lines in [&[][..], &[""], &["1.1.1.1, unknown"], &["1.1.1.1,"]] {
            assert_eq!(client(&["10.0.0.1"], "10.0.0.1", lines), "10.0.0.1", "{lines:?}");
        }
        let endless = vec!["10.0.0.1"; 100].join(",");
        assert_eq!(client(&["10.0.0.1"], "10.0.0.1", &["1.1.1.1", &endless]), "10.0.0.1");
    }

    #[test]
    fn an_invalid_network_is_an_error_that_says_why() {
        let error = |text: &str| text.parse::<Network>().unwrap_err();
        for text in ["", "10", "10.0.0.0/", "10.0.0.0/x", "10.0.0.0/8/8", "proxy.example"] {
            assert_eq!(error(text), NetworkError::Malformed, "{text}");
        }
        assert_eq!(error("10.0.0.0/33"), NetworkError::TooLong);
        assert_eq!(error("::/129"), NetworkError::TooLong);
        assert_eq!(error("10.0.0.1/8"), NetworkError::Inside);
        assert_eq!("0.0.0.0/0".parse::<Network>().unwrap().to_string(), "0.0.0.0/0");
        assert_eq!("::1".parse::<Network>().unwrap().to_string(), "::1/128");
    }

    proptest! {
        #[test]
        fn a_network_contains_exactly_the_addresses_with_its_prefix(first: u32, length in 0u8..=32, address: u32) {
            let kept = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            let text = format!("{}/{length}", std::net::Ipv4Addr::from(first & kept));
            let network: Network = text.parse().unwrap();
            prop_assert_eq!(network.to_string(), text);
            let in_v4 = network.contains(std::net::Ipv4Addr::from(address).into());
            prop_assert_eq!(in_v4, address & kept == first & kept);
            prop_assert!(network.contains(std::net::Ipv4Addr::from(first).into()));
        }

        #[test]
        fn any_header_leads_to_the_peer_or_to_an_address_in_the_header(line in "[0-9a-f:., \\[\\]]{0,60}") {
            let said = client(&["10.0.0.0/8"], "10.0.0.1", &[&line]);
            let written = line.split(',').filter_map(address).any(|it| it.to_string() == said);
            prop_assert!(said == "10.0.0.1" || written, "{said} from {line}");
        }
    }
}
