//! The `Host` header, which every HTTP/1.1 request must carry once (RFC 9112, section 3.2).
//!
//! A proxy and this server could otherwise disagree about which site a request is for.

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Version};

use super::problem::quoted;

/// Whether a request has exactly one valid `Host` header, and otherwise what is wrong.
pub(super) fn check(version: Version, headers: &HeaderMap) -> Result<(), String> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        // HTTP/1.0 has no such header.
        (None, _) if version < Version::HTTP_11 => Ok(()),
        (None, _) => Err("missing Host header: send the name of the server once".into()),
        (Some(_), Some(_)) => {
            Err("more than one Host header: send the name of the server once".into())
        }
        (Some(host), None) if is_valid(host.as_bytes()) => Ok(()),
        (Some(host), None) => Err(format!(
            "invalid Host header {}: send the name of the server, and its port unless it is the \
             usual one",
            quoted(&String::from_utf8_lossy(host.as_bytes()))
        )),
    }
}

/// A host and perhaps a port (RFC 9110, section 7.2). An empty one belongs to an address without a
/// host.
fn is_valid(host: &[u8]) -> bool {
    if host.is_empty() {
        return true;
    }
    // A comma is valid in a name, but it also joins the values of two headers.
    if host.contains(&b',') {
        return false;
    }
    let Ok(authority) = Authority::try_from(host) else { return false };
    let rest = authority.as_str().strip_prefix(authority.host()).unwrap_or("@");
    let port = rest.strip_prefix(':').unwrap_or(rest);
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.len() <= 5
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn is_accepted(version: Version, hosts: &[&str]) -> bool {
        let hosts =
            hosts.iter().map(|host| (HOST, HeaderValue::from_bytes(host.as_bytes()).unwrap()));
        check(version, &hosts.collect()).is_ok()
    }

    #[test]
    fn a_request_needs_one_valid_host() {
        for host in [
            "a.example",
            "A.Example:8787",
            "localhost:80",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:8787",
            "",
            "a_b.example",
            "xn--bcher-kva.example",
            "a.example:",
            "a.example.",
        ] {
            assert!(is_accepted(Version::HTTP_11, &[host]), "{host}");
        }
        for host in [
            "a b",
            "a.example/",
            "http://a.example",
            "u@a.example",
            "a,b.example",
            "a.example:x",
            "a.example:123456",
            "[::1",
            "::1",
            "a.example?",
            "\u{e9}.example",
            "<b>",
            "a.example:80:80",
        ] {
            assert!(!is_accepted(Version::HTTP_11, &[host]), "{host}");
        }
        assert!(!is_accepted(Version::HTTP_11, &[]));
        assert!(is_accepted(Version::HTTP_10, &[]));
        for version in [Version::HTTP_10, Version::HTTP_11] {
            assert!(!is_accepted(version, &["a.example", "a.example"]));
        }
    }
}
