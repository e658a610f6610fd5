//! The origins whose pages may use a key, as browsers write them in `Origin`.
//!
//! A browser writes the scheme and the host in lower case, an internationalized name in Punycode,
//! and the port only if it is not the usual one of the scheme (HTML standard, "serialization of an
//! origin"). A pattern is brought into this form when it is given, or it would never match.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::http::problem::quoted;

/// Longest pattern, in bytes.
const BYTES_MAX: usize = 256;
/// The origin of pages that have none: files, sandboxed frames, and documents in `data:` addresses.
const NULL: &str = "null";

/// An origin, or all origins whose host is below a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPattern(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    One(String),
    /// For `https://*.shop.example:8443`, `https://` and `.shop.example:8443`.
    Below {
        start: String,
        end: String,
    },
}

/// A pattern that would match nothing, or not what was meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid entry {} in `origins`: {why}", quoted(pattern))]
pub struct OriginError {
    pattern: String,
    why: String,
}

impl OriginPattern {
    /// Reads a pattern in any spelling.
    ///
    /// # Errors
    /// [`OriginError`], with the reason why no page could ever match it.
    pub fn parse(pattern: &str) -> Result<Self, OriginError> {
        read(pattern.trim()).map(Self).map_err(|why| OriginError { pattern: pattern.into(), why })
    }

    /// Whether pages of `origin` match. The origin is in the form that browsers send.
    pub fn matches(&self, origin: &str) -> bool {
        match &self.0 {
            Kind::One(one) => one == origin,
            Kind::Below { start, end } => {
                let names = origin.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
                names
                    .is_some_and(|names| !names.is_empty() && !names.contains(['/', '@', ':', '*']))
            }
        }
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::One(one) => f.write_str(one),
            Kind::Below { start, end } => write!(f, "{start}*{end}"),
        }
    }
}

/// One origin, as browsers write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExactOrigin(String);

impl ExactOrigin {
    /// The text that browsers send.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ExactOrigin {
    type Err = String;

    /// Reads an origin in any spelling.
    ///
    /// # Errors
    /// The reason why it is no origin, or more than one.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "*" {
            return Err("name each origin, such as https://console.example".into());
        }
        match read(text)? {
            Kind::One(origin) if origin == NULL => Err(
                "pages without an origin, such as files, cannot be told apart: name the origin \
                     of a site"
                    .into(),
            ),
            Kind::One(origin) => Ok(Self(origin)),
            Kind::Below { .. } => Err("name each origin in full, without *".into()),
        }
    }
}

fn read(text: &str) -> Result<Kind, String> {
    if text.len() > BYTES_MAX {
        return Err(format!("it has {} bytes, and at most {BYTES_MAX} are allowed", text.len()));
    }
    if text.eq_ignore_ascii_case(NULL) {
        return Ok(Kind::One(NULL.into()));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(if text == "*" {
            "leave `origins` empty to allow pages of every origin".into()
        } else {
            format!("it has no scheme: send https://{}", text.trim_start_matches('/'))
        });
    };
    let scheme = scheme.to_ascii_lowercase();
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_scheme {
        return Err(
            "its scheme must be one name, such as https; list each scheme separately".into()
        );
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if let Some(at) = authority.find(['/', '?', '#', '\\']) {
        return Err(format!(
            "an origin has no path, because browsers do not send one: send {scheme}://{}",
            &authority[..at]
        ));
    }
    if authority.contains('@') {
        return Err("an origin has no user name: leave out everything up to the @".into());
    }
    let (host, port) = split_port(authority)?;
    let port = match (port, usual_port(&scheme)) {
        (Some(port), usual) if Some(port) != usual => format!(":{port}"),
        _ => String::new(),
    };
    let Some(domain) = host.strip_prefix("*.") else {
        return Ok(Kind::One(format!("{scheme}://{}{port}", host_name(host)?)));
    };
    let domain = host_name(domain)?;
    if domain.starts_with('[') || domain.parse::<Ipv4Addr>().is_ok() {
        return Err("an address has no names below it: leave out the *".into());
    }
    Ok(Kind::Below { start: format!("{scheme}://"), end: format!(".{domain}{port}") })
}

fn usual_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), String> {
    let after_address = authority.find(']').map_or(0, |at| at + 1);
    let Some(colon) = authority[after_address..].find(':') else { return Ok((authority, None)) };
    let (host, port) = authority.split_at(after_address + colon);
    let port = &port[1..];
    if port.is_empty() {
        return Ok((host, None));
    }
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(port) if is_number => Ok((host, Some(port))),
        _ => Err(format!("its port {} is not a number from 0 to 65535", quoted(port))),
    }
}

/// A host as browsers write it.
fn host_name(host: &str) -> Result<String, String> {
    if host.is_empty() {
        return Err("it has no host: send an origin such as https://shop.example".into());
    }
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr =
            address.parse().map_err(|_| format!("{} is not an IPv6 address", quoted(host)))?;
        return Ok(format!("[{address}]"));
    }
    if host.contains('*') {
        return Err(
            "a * may only stand alone and first, as in https://*.shop.example, and matches all \
             names below the domain; leave `origins` empty to allow pages of every origin"
                .into(),
        );
    }
    let ascii =
        idna::domain_to_ascii(host).map_err(|_| format!("{} is not a host", quoted(host)))?;
    let is_name = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if ascii.strip_suffix('.').unwrap_or(&ascii).split('.').all(is_name) {
        return Ok(ascii);
    }
    Err(format!("{} is not a host", quoted(host)))
}

/// The origins of one key. Without any, pages of every origin may use it.
#[derive(Debug, Clone, Default)]
pub struct AllowedOrigins {
    is_restricted: bool,
    patterns: Vec<OriginPattern>,
}

impl AllowedOrigins {
    /// The origins that `stored` lists. An earlier version stored them as they were given, so they
    /// may be in another spelling, or match nothing.
    pub fn new(stored: &[String]) -> Self {
        let patterns = stored.iter().filter_map(|text| OriginPattern::parse(text).ok()).collect();
        Self { is_restricted: !stored.is_empty(), patterns }
    }

    /// Whether only pages of certain origins may use the key.
    pub fn is_restricted(&self) -> bool {
        self.is_restricted
    }

    /// Whether pages of `origin` may use the key. Programs other than browsers may write it in any
    /// spelling.
    pub fn allows(&self, origin: &str) -> bool {
        let allows = |origin: &str| self.patterns.iter().any(|pattern| pattern.matches(origin));
        !self.is_restricted
            || allows(origin)
            || OriginPattern::parse(origin).is_ok_and(|usual| match &usual.0 {
                Kind::One(usual) => allows(usual),
                Kind::Below { .. } => false,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(pattern: &str) -> String {
        OriginPattern::parse(pattern).unwrap().to_string()
    }

    #[test]
    fn a_pattern_is_written_as_browsers_write_origins() {
        for (given, usual) in [
            ("https://a.example:443", "https://a.example"),
            ("HTTPS://A.Example/", "https://a.example"),
            (" http://a.example:80 ", "http://a.example"),
            ("https://a.example:80", "https://a.example:80"),
            ("https://a.example:", "https://a.example"),
            ("http://localhost:05173", "http://localhost:5173"),
            ("https://B\u{fc}cher.example", "https://xn--bcher-kva.example"),
            ("https://*.B\u{fc}cher.example:443/", "https://*.xn--bcher-kva.example"),
            ("https://*.shop.example:8443", "https://*.shop.example:8443"),
            ("http://[0:0::1]:8080", "http://[::1]:8080"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
            ("https://a_b.example.", "https://a_b.example."),
            ("NULL", "null"),
        ] {
            assert_eq!(written(given), usual);
        }
    }

    #[test]
    fn an_exact_origin_is_one_origin_and_no_pattern() {
        let read = |text: &str| text.parse::<ExactOrigin>();
        assert_eq!(
            read("HTTPS://Console.Example:443/").unwrap().as_str(),
            "https://console.example"
        );
        for (text, reason) in [
            ("*", "name each origin"),
            ("https://*.example.com", "without *"),
            ("null", "without an origin"),
            ("console.example", "https://console.example"),
            ("https://console.example/app", "has no path"),
        ] {
            let why = read(text).unwrap_err();
            assert!(why.contains(reason), "{text}: {why}");
        }
    }

    #[test]
    fn a_pattern_that_could_match_nothing_is_refused_with_the_reason() {
        for (given, reason) in [
            ("https://a.example/shop", "send https://a.example"),
            ("https://a.example?x", "send https://a.example"),
            ("a.example", "send https://a.example"),
            ("*.a.example", "send https://*.a.example"),
            ("//a.example", "send https://a.example"),
            ("*", "leave `origins` empty"),
            ("https://*", "leave `origins` empty"),
            ("https://*.", "no host"),
            ("https://", "no host"),
            ("https://a.*.example", "may only stand alone and first"),
            ("https://*a.example", "may only stand alone and first"),
            ("https://*.*.example", "may only stand alone and first"),
            ("*://a.example", "its scheme"),
            ("http,https://a.example", "its scheme"),
            ("https://user@a.example", "no user name"),
            ("http://localhost:*", "its port `*`"),
            ("http://localhost:70000", "its port `70000`"),
            ("https://a..example", "`a..example` is not a host"),
            ("https://.a.example", "is not a host"),
            ("https://a b.example", "is not a host"),
            ("http://::1", "its port"),
            ("http://[::g]", "is not an IPv6 address"),
            ("http://*.127.0.0.1", "no names below it"),
            ("http://*.[::1]", "no names below it"),
            ("", "no scheme"),
        ] {
            let error = OriginPattern::parse(given).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    fn allows(stored: &[&str], origin: &str) -> bool {
        let stored: Vec<String> = stored.iter().map(|&text| text.to_owned()).collect();
        AllowedOrigins::new(&stored).allows(origin)
    }

    #[test]
    fn a_star_matches_only_names_below_its_domain_on_its_port() {
        let star = ["https://*.shop.example"];
        assert!(allows(&star, "https://www.shop.example"));
        assert!(allows(&star, "https://a.b.shop.example"));
        for origin in [
            "https://shop.example",
            "https://.shop.example",
            "https://evilshop.example",
            "https://www.shop.example.evil.example",
            "https://evil.example/.shop.example",
            "http://www.shop.example",
            "https://a:1.shop.example",
            "https://www.shop.example:8443",
            "https://*.shop.example",
        ] {
            assert!(!allows(&star, origin), "{origin}");
        }
        assert!(allows(&["https://*.shop.example:8443"], "https://www.shop.example:8443"));
    }

    #[test]
    fn stored_and_sent_origins_may_be_in_another_spelling() {
        assert!(allows(&[], "https://a.example"));
        assert!(allows(&["https://A.example:443"], "https://a.example"));
        assert!(allows(&["https://a.example"], "https://A.EXAMPLE:443"));
        assert!(allows(&["null"], "null") && !allows(&["https://a.example"], "null"));
        assert!(!allows(&["https://a.example/page"], "https://b.example"), "it stays restricted");
    }

    proptest! {
        #[test]
        fn what_was_read_is_read_again_as_the_same(text in "(https?://)?[a-zA-Z*.:/@0-9\\[\\]\u{fc}]{0,12}") {
            if let Ok(pattern) = OriginPattern::parse(&text) {
                prop_assert_eq!(OriginPattern::parse(&pattern.to_string()), Ok(pattern));
            }
        }
    }
}
