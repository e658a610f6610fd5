//! The origins whose pages may use a key: one origin, or all names below a domain.
//!
//! Entries are kept in the form in which browsers send an `Origin` header (Fetch standard,
//! "serializing a request origin"): in lower case, without a default port, and with international
//! names in Punycode. So matching compares texts.

use std::borrow::Cow;

use url::{Host, Url};

/// Longest entry, in bytes.
const ENTRY_BYTES_MAX: usize = 256;
/// What stands for any name, at the start of a host.
const STAR: &str = "*.";
/// A name in the place of the star, so that the rest can be read as an address.
const NAME: &str = "x";

/// An entry that no page's origin can equal, or that any page's could.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// It is longer than any origin.
    #[error("it is longer than {ENTRY_BYTES_MAX} bytes")]
    TooLong,
    /// Every sandboxed frame and local file has the origin `null`.
    #[error(
        "every sandboxed frame and every local file has this origin: use a key without origins for them"
    )]
    Null,
    /// It would allow every page.
    #[error("it allows every page: leave `origins` empty for that")]
    Any,
    /// It has no scheme.
    #[error("the scheme is missing: begin with https:// or http://")]
    NoScheme,
    /// It has a user, path, query or fragment, which no origin has.
    #[error("an origin ends after the host and the port")]
    NotOnlyHost,
    /// The star is not the first name of a host.
    #[error(
        "`*` stands for the names below a domain, as in https://*.shop.example, and for nothing else"
    )]
    Star,
    /// No page has this host or port.
    #[error("no page has such a host or port")]
    Host,
}

/// An entry in the form that [`is_allowed`] compares.
///
/// # Errors
/// [`OriginError`], if it matches no page, or all of them.
pub fn normalized(entry: &str) -> Result<String, OriginError> {
    let entry = entry.trim();
    if entry.len() > ENTRY_BYTES_MAX {
        return Err(OriginError::TooLong);
    }
    match entry {
        "null" => return Err(OriginError::Null),
        "*" | "https://*" | "http://*" | "*://*" => return Err(OriginError::Any),
        _ => {}
    }
    let (scheme, rest) = entry.split_once("://").ok_or(OriginError::NoScheme)?;
    if scheme.contains('*') {
        return Err(OriginError::Star);
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['/', '\\', '?', '#', '@']) {
        return Err(OriginError::NotOnlyHost);
    }
    // The parser removes tabs and line breaks, which no origin contains.
    if rest.is_empty()
        || rest.contains(|letter: char| letter.is_whitespace() || letter.is_control())
    {
        return Err(OriginError::Host);
    }
    let (below, authority) = match rest.strip_prefix(STAR) {
        Some(domain) => (true, Cow::from(format!("{NAME}.{domain}"))),
        None => (false, rest.into()),
    };
    if authority.contains('*') {
        return Err(OriginError::Star);
    }
    let address = format!("{scheme}://{authority}");
    let url = Url::parse(&address).map_err(|_| OriginError::Host)?;
    // Extensions and apps have origins with schemes of their own, which are compared as they are.
    let origin = if url.origin().is_tuple() {
        url.origin().ascii_serialization()
    } else {
        address.to_ascii_lowercase()
    };
    if !below {
        return Ok(origin);
    }
    // Names are below domains, never below addresses.
    let is_domain = match url.host() {
        Some(Host::Domain(domain)) => {
            let parent = domain.strip_prefix(NAME).and_then(|rest| rest.strip_prefix('.'));
            parent.is_some_and(|parent| {
                !parent.is_empty() && !matches!(Host::parse(parent), Ok(Host::Ipv4(_)) | Err(_))
            })
        }
        Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => false,
    };
    let (scheme, authority) = origin.split_once("://").ok_or(OriginError::Host)?;
    match authority.strip_prefix(NAME) {
        Some(domain) if is_domain => Ok(format!("{scheme}://*{domain}")),
        _ => Err(OriginError::Host),
    }
}

/// Whether one of the entries allows pages of `origin`, the value of an `Origin` header.
pub fn is_allowed(entries: &[String], origin: &str) -> bool {
    // Browsers send the form of the entries. Other clients may not.
    matches_one(entries, origin)
        || normalized(origin).is_ok_and(|origin| matches_one(entries, &origin))
}

fn matches_one(entries: &[String], origin: &str) -> bool {
    entries.iter().any(|entry| match entry.split_once(STAR) {
        None => entry == origin,
        Some((scheme, domain)) => origin
            .strip_prefix(scheme)
            .and_then(|host| host.strip_suffix(domain))
            .and_then(|names| names.strip_suffix('.'))
            .is_some_and(|names| !names.is_empty() && !names.contains(['/', '@', ':', '*'])),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_entry_becomes_what_browsers_send() {
        for (entry, want) in [
            ("https://shop.example", "https://shop.example"),
            (" HTTPS://Shop.Example/ ", "https://shop.example"),
            ("https://shop.example:443", "https://shop.example"),
            ("http://shop.example:80/", "http://shop.example"),
            ("http://shop.example:443", "http://shop.example:443"),
            ("https://shop.example:8443", "https://shop.example:8443"),
            ("https://shop.example:0443", "https://shop.example"),
            ("https://b\u{fc}cher.example", "https://xn--bcher-kva.example"),
            ("https://*.B\u{dc}CHER.example:443", "https://*.xn--bcher-kva.example"),
            ("https://*.shop.example:8443", "https://*.shop.example:8443"),
            ("http://127.1:3000", "http://127.0.0.1:3000"),
            ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("chrome-extension://ABCdefgh", "chrome-extension://abcdefgh"),
            ("capacitor://localhost", "capacitor://localhost"),
        ] {
            assert_eq!(normalized(entry).as_deref(), Ok(want), "{entry}");
        }
    }

    #[test]
    fn an_entry_that_matches_nothing_or_everything_is_refused_with_the_reason() {
        use OriginError::{Any, Host, NoScheme, NotOnlyHost, Null, Star, TooLong};
        for (entry, want) in [
            ("", NoScheme),
            ("shop.example", NoScheme),
            ("//shop.example", NoScheme),
            ("*.shop.example", NoScheme),
            ("null", Null),
            ("*", Any),
            ("https://*", Any),
            ("https://shop.example/page", NotOnlyHost),
            ("https://shop.example//", NotOnlyHost),
            ("https://shop.example?a", NotOnlyHost),
            ("https://shop.example#a", NotOnlyHost),
            ("https://me@shop.example", NotOnlyHost),
            ("https://shop.example\\a", NotOnlyHost),
            ("*://shop.example", Star),
            ("https://shop.*", Star),
            ("https://a*.shop.example", Star),
            ("https://a.*.example", Star),
            ("https://*.*.example", Star),
            ("https://shop.example:*", Star),
            ("https://", Host),
            ("https:///", Host),
            ("https://*.", Host),
            ("https://*.:443", Host),
            ("https://*.127.0.0.1", Host),
            ("https://*.[::1]", Host),
            ("https://shop.example:0x1", Host),
            ("https://shop.example:99999", Host),
            ("https://shop example", Host),
            ("https://shop\t.example", Host),
            ("https://a,https://b", NotOnlyHost),
        ] {
            assert_eq!(normalized(entry), Err(want), "{entry}");
        }
        assert_eq!(normalized(&format!("https://{}.example", "a".repeat(300))), Err(TooLong));
    }

    #[test]
    fn origins_are_compared_in_the_form_that_browsers_send() {
        let entries = ["https://shop.example:443", "https://*.B\u{fc}cher.example"];
        let entries: Vec<String> = entries.iter().map(|it| normalized(it).unwrap()).collect();
        for origin in [
            "https://shop.example",
            "https://Shop.EXAMPLE:443",
            "https://www.xn--bcher-kva.example",
            "https://a.b.xn--bcher-kva.example",
        ] {
            assert!(is_allowed(&entries, origin), "{origin}");
        }
        for origin in [
            "null",
            "",
            "*",
            "http://shop.example",
            "https://shop.example:8443",
            "https://shop.example.evil.example",
            "https://xn--bcher-kva.example",
            "https://.xn--bcher-kva.example",
            "https://evilxn--bcher-kva.example",
            "https://evil.example/.xn--bcher-kva.example",
            "https://a:1.xn--bcher-kva.example",
            "https://*.xn--bcher-kva.example",
        ] {
            assert!(!is_allowed(&entries, origin), "{origin}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_entry_keeps_its_form_and_allows_what_it_names(
            entry in "(https?|app)://(\\*\\.)?[a-z\u{e4}A-Z0-9.-]{1,12}(:[0-9]{1,5})?/?",
        ) {
            let Ok(origin) = normalized(&entry) else { return Ok(()) };
            prop_assert_eq!(normalized(&origin), Ok(origin.clone()));
            let page = origin.replace("*.", "www.");
            prop_assert!(is_allowed(&[origin], &page), "{}", page);
        }

        #[test]
        fn any_text_is_accepted_or_refused(entry in ".*") {
            let _ = normalized(&entry);
            let _ = is_allowed(&["https://*.shop.example".into()], &entry);
        }
    }
}
