//! The addresses to listen on, in the spellings that people try.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The port of an address without one.
const USUAL_PORT: u16 = 8787;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen(Vec<ListenAddress>);

/// One address to listen on, as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// One address. `[::]` also takes IPv4, unless an IPv4 address with this port is listed, too.
    Ip(SocketAddr),
    /// Every address of the machine, with this port.
    All(u16),
    /// The loopback addresses of both families, with this port.
    Localhost(u16),
    /// All addresses of a name, with this port.
    Name(String, u16),
}

impl Listen {
    /// The addresses, of which there is at least one.
    pub fn addresses(&self) -> &[ListenAddress] {
        &self.0
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, address) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            write!(f, "{address}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => write!(f, "{address}"),
            Self::All(port) => write!(f, ":{port}"),
            Self::Localhost(port) => write!(f, "localhost:{port}"),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

/// Reads addresses that are separated by commas. Each is an address and a port, a name and a port,
/// an address alone, `:` and a port for all networks, or a port alone for this machine only.
///
/// # Errors
/// What is wrong, and what to write instead.
pub(super) fn parse(text: &str) -> Result<Listen, String> {
    text.split(',').map(|one| parse_one(one.trim())).collect::<Result<_, _>>().map(Listen)
}

fn parse_one(text: &str) -> Result<ListenAddress, String> {
    if let Ok(address) = text.parse() {
        return Ok(ListenAddress::Ip(address));
    }
    if let Ok(ip) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(ListenAddress::Ip((ip, USUAL_PORT).into()));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(ListenAddress::Ip((Ipv4Addr::LOCALHOST, port(text)?).into()));
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let rest = rest.split('/').next().unwrap_or_default();
        let tls = if scheme.eq_ignore_ascii_case("https") {
            ". For HTTPS, set `tls_cert` and `tls_key`"
        } else {
            ""
        };
        return Err(format!("leave out `{scheme}://` and any path: write {rest}{tls}"));
    }
    if text.starts_with("unix:") || text.contains('/') {
        return Err(format!(
            "Unix sockets are not supported: write an address and a port, such as \
             127.0.0.1:{USUAL_PORT}"
        ));
    }
    match text.rsplit_once(':') {
        // As Go, Caddy and Prometheus read it.
        Some(("" | "*", number)) => Ok(ListenAddress::All(port(number)?)),
        Some((name, number)) => named(name, port(number)?),
        None if is_localhost(text) => Ok(ListenAddress::Localhost(USUAL_PORT)),
        None => Err(format!(
            "write an address and a port, such as 127.0.0.1:{USUAL_PORT}, a port alone for this \
             machine only, or :{USUAL_PORT} for all networks"
        )),
    }
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("the port `{text}` is not a number from 0 to 65535"))
}

fn is_localhost(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

fn named(name: &str, port: u16) -> Result<ListenAddress, String> {
    if is_localhost(name) {
        return Ok(ListenAddress::Localhost(port));
    }
    if let Ok(ip) = name.parse::<Ipv6Addr>() {
        return Ok(ListenAddress::Ip((ip, port).into()));
    }
    if let Some(odd) = name.chars().find(|it| !it.is_alphanumeric() && !"-._".contains(*it)) {
        return Err(format!("the name `{name}` cannot have the character `{odd}`"));
    }
    Ok(ListenAddress::Name(name.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_try_is_understood() {
        for (text, address) in [
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("[::1]:8787", "[::1]:8787"),
            ("0.0.0.0:0", "0.0.0.0:0"),
            ("localhost:8787", "localhost:8787"),
            ("LocalHost:1", "localhost:1"),
            ("shop.localhost:1", "localhost:1"),
            ("localhost", "localhost:8787"),
            ("9000", "127.0.0.1:9000"),
            ("0.0.0.0", "0.0.0.0:8787"),
            ("::1", "[::1]:8787"),
            ("[::]", "[::]:8787"),
            (":8787", ":8787"),
            ("*:80", ":80"),
            ("events.example:443", "events.example:443"),
            ("127.0.0.1:1, [::1]:1,a:2", "127.0.0.1:1,[::1]:1,a:2"),
        ] {
            let listen = parse(text).unwrap();
            assert_eq!(listen.to_string(), address, "{text}");
            assert_eq!(parse(&listen.to_string()), Ok(listen));
        }
    }

    #[test]
    fn what_is_not_understood_says_what_to_write() {
        for (text, reason) in [
            ("http://localhost:8787/", "write localhost:8787"),
            ("https://localhost:8787/", "set `tls_cert` and `tls_key`"),
            ("localhost:http", "the port `http` is not a number"),
            ("localhost:70000", "the port `70000` is not a number"),
            ("99999", "the port `99999` is not a number"),
            (":", "the port `` is not a number"),
            ("nowhere", "such as 127.0.0.1:8787"),
            ("unix:/run/lamplight.sock", "Unix sockets are not supported"),
            ("a b:1", "cannot have the character ` `"),
            ("127.0.0.1:1,", "the port"),
            ("", "the port"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
