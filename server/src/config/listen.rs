//! The address to listen on, in the spellings that people try.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// The port of an address without one.
const USUAL_PORT: u16 = 8787;

/// Reads an address and a port, a name and a port, an address alone, or a port alone, which means
/// this machine only.
///
/// # Errors
/// What is wrong, and what to write instead.
pub(super) fn parse(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Ok(ip) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok((ip, USUAL_PORT).into());
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok((Ipv4Addr::LOCALHOST, port(text)?).into());
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let rest = rest.split('/').next().unwrap_or_default();
        return Err(format!("leave out `{scheme}://` and any path: write {rest}"));
    }
    match text.rsplit_once(':') {
        Some(("" | "*", number)) => {
            let port = port(number)?;
            Err(format!(
                "write 127.0.0.1:{port} to listen on this machine only, or 0.0.0.0:{port} to \
                 listen on all networks"
            ))
        }
        Some((name, number)) => named(name, port(number)?),
        None if is_localhost(text) => Ok((Ipv4Addr::LOCALHOST, USUAL_PORT).into()),
        None => Err(format!(
            "write an address and a port, such as 127.0.0.1:{USUAL_PORT}, or a port alone for this \
             machine only"
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

/// The address of a name. IPv4 first, because that is what clients of `localhost` reach everywhere.
fn named(name: &str, port: u16) -> Result<SocketAddr, String> {
    if is_localhost(name) {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    if let Ok(ip) = name.parse::<Ipv6Addr>() {
        return Ok((ip, port).into());
    }
    let found = (name, port).to_socket_addrs().map_err(|error| {
        format!("the name `{name}` has no address ({error}): write an IP address of this machine")
    })?;
    let found: Vec<SocketAddr> = found.collect();
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    first.copied().ok_or_else(|| format!("the name `{name}` has no address: write an IP address"))
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
            ("localhost:8787", "127.0.0.1:8787"),
            ("LocalHost:1", "127.0.0.1:1"),
            ("shop.localhost:1", "127.0.0.1:1"),
            ("localhost", "127.0.0.1:8787"),
            ("9000", "127.0.0.1:9000"),
            ("0.0.0.0", "0.0.0.0:8787"),
            ("::1", "[::1]:8787"),
            ("[::]", "[::]:8787"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), address, "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_says_what_to_write() {
        for (text, reason) in [
            (":8787", "write 127.0.0.1:8787 to listen on this machine only, or 0.0.0.0:8787"),
            ("*:80", "0.0.0.0:80"),
            ("http://localhost:8787/", "write localhost:8787"),
            ("localhost:http", "the port `http` is not a number"),
            ("localhost:70000", "the port `70000` is not a number"),
            ("99999", "the port `99999` is not a number"),
            ("nowhere", "such as 127.0.0.1:8787"),
            ("", "the port"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
