//! Whether a request comes from a page of this server, or from a page of another one.
//!
//! A browser adds the cookie of the console to requests that other pages of the same site make: on
//! a developer's machine, those of every port. So a request that changes something, and whose only
//! credential is the cookie, must say that a page of this origin makes it.

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Method};

/// Whether a request with this method changes nothing (RFC 9110, section 9.2.1).
pub fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether the browser says that a page of this server makes the request: with `Sec-Fetch-Site`
/// (Fetch metadata), which pages cannot set, or if it does not send that, with `Origin`.
pub fn is_from_here(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter();
    match (sites.next(), sites.next()) {
        (Some(site), None) => site == "same-origin",
        (Some(_), Some(_)) => false,
        (None, _) => origin_host(headers).is_some_and(|origin| {
            headers.get(HOST).is_some_and(|host| host.as_bytes().eq_ignore_ascii_case(origin))
        }),
    }
}

/// The host and port of the only `Origin`.
fn origin_host(headers: &HeaderMap) -> Option<&[u8]> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let (origin, None) = (origins.next()?.as_bytes(), origins.next()) else { return None };
    origin.strip_prefix(b"http://").or_else(|| origin.strip_prefix(b"https://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_ours(headers: &[(&'static str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        map.insert(HOST, "127.0.0.1:8787".parse().unwrap());
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        is_from_here(&map)
    }

    #[test]
    fn only_pages_of_this_origin_may_change_things() {
        assert!(is_ours(&[("sec-fetch-site", "same-origin")]));
        assert!(is_ours(&[("origin", "http://127.0.0.1:8787")]));
        assert!(is_ours(&[("origin", "https://127.0.0.1:8787")]));
        for site in ["same-site", "cross-site", "none", ""] {
            let ours = ("origin", "http://127.0.0.1:8787");
            assert!(!is_ours(&[("sec-fetch-site", site), ours]), "{site}");
        }
        assert!(!is_ours(&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none")]));
        for origin in ["null", "http://127.0.0.1:3000", "http://127.0.0.1", "127.0.0.1:8787", ""] {
            assert!(!is_ours(&[("origin", origin)]), "{origin}");
        }
        let twice = ("origin", "http://127.0.0.1:8787");
        assert!(!is_ours(&[twice, twice]));
        assert!(!is_ours(&[]));
    }
}
