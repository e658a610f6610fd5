//! Which origins may use a key.

use http::HeaderMap;
use http::header::ORIGIN;

use super::refusal::Refusal;
use crate::store::Key;

/// Refuses a request whose `Origin` is not among those of `key`. A key without origins has no such
/// restriction. `https://*.shop.example` allows every name below `shop.example`.
///
/// Browsers send the page's origin in every POST (Fetch standard, "append a request `Origin`
/// header"), so a request without the header was not sent by a page.
pub(super) fn check(key: &Key, headers: &HeaderMap) -> Result<(), Refusal> {
    let allowed = &key.rules.origins;
    if allowed.is_empty() {
        return Ok(());
    }
    let key_id = || key.id.clone();
    let Some(origin) = headers.get(ORIGIN) else {
        return Err(Refusal::OriginMissing { key_id: key_id() });
    };
    let origin = String::from_utf8_lossy(origin.as_bytes());
    if is_allowed(allowed, &origin) {
        return Ok(());
    }
    Err(Refusal::OriginNotAllowed { key_id: key_id(), origin: origin.into_owned() })
}

fn is_allowed(allowed: &[String], origin: &str) -> bool {
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
    use crate::store::KeyKind;

    fn allows(allowed: &[&str], origin: Option<&str>) -> bool {
        let mut key = Key::new(KeyKind::Write, "web", "wk_try_me_now", 0);
        key.rules.origins = allowed.iter().map(|&text| text.to_owned()).collect();
        let headers = origin.map(|origin| (ORIGIN, origin.parse().unwrap()));
        check(&key, &headers.into_iter().collect()).is_ok()
    }

    #[test]
    fn only_the_origins_of_the_key_are_allowed() {
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
    fn a_star_allows_only_names_below_its_domain() {
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
