//! Which pages may use a key.

use http::HeaderMap;
use http::header::ORIGIN;

/// Whether a request may use a key that is meant for `allowed` origins; any may if there are none.
///
/// Browsers name the page's origin in every POST (Fetch standard, "append a request `Origin` header"), so a request
/// without one comes from no page. `https://*.shop.example` allows every name below `shop.example`.
pub(super) fn is_allowed(allowed: &[String], headers: &HeaderMap) -> bool {
    if allowed.is_empty() {
        return true;
    }
    let Some(origin) = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()) else {
        return false;
    };
    allowed.iter().any(|allowed| match allowed.split_once("*.") {
        None => allowed.eq_ignore_ascii_case(origin),
        Some((scheme, domain)) => is_below(origin, scheme, domain),
    })
}

fn is_below(origin: &str, scheme: &str, domain: &str) -> bool {
    let (origin, scheme) = (origin.to_ascii_lowercase(), scheme.to_ascii_lowercase());
    let Some(host) = origin.strip_prefix(&scheme) else { return false };
    host.strip_suffix(&domain.to_ascii_lowercase())
        .and_then(|names| names.strip_suffix('.'))
        .is_some_and(|names| !names.is_empty() && !names.contains(['/', '@', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(allowed: &[&str], origin: Option<&str>) -> bool {
        let allowed: Vec<String> = allowed.iter().map(|&text| text.to_owned()).collect();
        let headers = origin.map(|origin| (ORIGIN, origin.parse().unwrap()));
        is_allowed(&allowed, &headers.into_iter().collect())
    }

    #[test]
    fn only_the_named_origins_are_allowed() {
        assert!(allows(&[], None));
        assert!(allows(&["https://shop.example"], Some("https://shop.example")));
        assert!(allows(&["https://Shop.example"], Some("https://shop.EXAMPLE")));
        for origin in
            [None, Some("null"), Some("http://shop.example"), Some("https://shop.example:8443")]
        {
            assert!(!allows(&["https://shop.example", "https://*.other.example"], origin));
        }
    }

    #[test]
    fn a_star_stands_for_names_below_a_domain_and_nothing_else() {
        let star = ["https://*.shop.example"];
        assert!(allows(&star, Some("https://www.shop.example")));
        assert!(allows(&star, Some("https://a.b.shop.example")));
        for origin in [
            "https://shop.example",
            "https://.shop.example",
            "https://evilshop.example",
            "https://www.shop.example.evil.example",
            "https://evil.example/.shop.example",
            "http://www.shop.example",
            "https://a:1.shop.example",
        ] {
            assert!(!allows(&star, Some(origin)), "{origin}");
        }
    }
}
