//! The `Host` header, which every HTTP/1.1 request must carry once (RFC 9112, section 3.2).
//!
//! A proxy and this server could otherwise disagree about which site a request is for.

use axum::extract::Request;
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Version};

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

/// Gives a request of HTTP/2 the header, in place of which it has `:authority` (RFC 9113, section
/// 8.3.1), so that whatever looks at the host finds it in one place.
///
/// # Errors
/// When it has both, and they differ.
pub(super) fn take_authority(request: &mut Request) -> Result<(), String> {
    let Some(authority) =
        request.uri().authority().filter(|_| request.version() == Version::HTTP_2)
    else {
        return Ok(());
    };
    match request.headers().get(HOST) {
        None => {
            let host = HeaderValue::from_str(authority.as_str())
                .map_err(|_| "invalid :authority: send the name of the server".to_owned())?;
            request.headers_mut().insert(HOST, host);
            Ok(())
        }
        Some(host) if host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()) => Ok(()),
        Some(host) => Err(format!(
            "the Host header {} differs from :authority {}: send one of them",
            quoted(&String::from_utf8_lossy(host.as_bytes())),
            quoted(authority.as_str())
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
    fn the_authority_of_http2_is_the_host_and_a_different_header_is_an_error() {
        let taken = |version, uri: &str, host: Option<&'static str>| {
            let mut request = Request::builder().version(version).uri(uri);
            if let Some(host) = host {
                request = request.header(HOST, host);
            }
            let mut request = request.body(axum::body::Body::empty()).unwrap();
            take_authority(&mut request).ok()?;
            let hosts = request.headers().get_all(HOST).iter();
            Some(hosts.map(|host| host.to_str().unwrap().to_owned()).collect::<Vec<_>>())
        };
        let uri = "https://a.example:8787/x";
        assert_eq!(taken(Version::HTTP_2, uri, None).unwrap(), ["a.example:8787"]);
        assert_eq!(
            taken(Version::HTTP_2, uri, Some("A.example:8787")).unwrap(),
            ["A.example:8787"]
        );
        assert_eq!(taken(Version::HTTP_2, uri, Some("b.example")), None);
        assert_eq!(taken(Version::HTTP_2, "/x", Some("b.example")).unwrap(), ["b.example"]);
        assert!(taken(Version::HTTP_11, uri, None).unwrap().is_empty());
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
