//! Reads the key or token of a request.

use std::borrow::Cow;

use data_encoding::BASE64;
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// The key in a request: `Authorization: Bearer <key>`, HTTP Basic with the key as user name
/// (RFC 7617), or `?key=<key>`.
pub fn find<'a>(headers: &'a HeaderMap, query: Option<&'a str>) -> Option<Cow<'a, str>> {
    from_header(headers).or_else(|| from_query(query)).filter(|key| !key.is_empty())
}

/// How a key may appear in an answer when it is not a key of this server: its first characters. It
/// may be a mistyped secret, so it is never shown whole.
pub fn redacted(key: &str) -> String {
    const CHARS_SHOWN: usize = 6;
    let shown: String = key.chars().take(CHARS_SHOWN).collect();
    format!("{shown}…")
}

/// The token in `Authorization: Bearer <token>`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn from_header(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    if let Some(token) = bearer(headers) {
        return Some(Cow::Borrowed(token));
    }
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(BASE64.decode(encoded.trim().as_bytes()).ok()?).ok()?;
    let (user, _) = pair.split_once(':')?;
    Some(Cow::Owned(user.to_owned()))
}

fn from_query(query: Option<&str>) -> Option<Cow<'_, str>> {
    form_urlencoded::parse(query?.as_bytes())
        .find_map(|(name, value)| (name == "key").then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(authorization: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, authorization.parse().unwrap())])
    }

    #[test]
    fn a_key_is_found_in_each_of_three_places() {
        assert_eq!(find(&headers("Bearer wk_1"), None).as_deref(), Some("wk_1"));
        assert_eq!(find(&headers("bearer  wk_1"), None).as_deref(), Some("wk_1"));
        assert_eq!(find(&headers("Basic d2tfMTo="), None).as_deref(), Some("wk_1"));
        assert_eq!(find(&HeaderMap::new(), Some("a=b&key=wk%5F1")).as_deref(), Some("wk_1"));
    }

    #[test]
    fn a_malformed_credential_is_not_a_key() {
        for authorization in ["Bearer", "Bearer ", "Basic !!", "Basic d2tf", "Digest x"] {
            assert_eq!(find(&headers(authorization), None), None, "{authorization}");
        }
        assert_eq!(find(&HeaderMap::new(), Some("key=")), None);
        assert_eq!(find(&HeaderMap::new(), None), None);
    }
}
