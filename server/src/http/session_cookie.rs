//! The cookie of a session of the console.
//!
//! Browsers share cookies between the ports of a host, so that the name has the port: two servers
//! on one machine do not sign each other's users out.

use http::HeaderMap;
use http::header::{COOKIE, HOST};

/// How long the cookie is kept, in seconds.
const MAX_AGE_S: i64 = crate::keys::sessions::SESSION_MS / 1_000;

/// The secret in the cookie of a request.
pub fn read(headers: &HeaderMap) -> Option<&str> {
    let wanted = name(headers);
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|text| text.split(';')).filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.trim(), value.trim()))
        .find(|(name, _)| *name == wanted)
        .map(|it| it.1)
}

/// The header that gives a browser this secret.
pub fn set(headers: &HeaderMap, secret: &str, is_tls: bool) -> String {
    let secure = if is_tls { "; Secure" } else { "" };
    format!(
        "{}={secret}; Path=/; Max-Age={MAX_AGE_S}; HttpOnly; SameSite=Strict{secure}",
        name(headers)
    )
}

/// The header that removes the cookie.
pub fn remove(headers: &HeaderMap) -> String {
    format!("{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict", name(headers))
}

fn name(headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let port = host.rsplit_once(':').map(|(_, port)| port);
    match port.filter(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())) {
        Some(port) => format!("lamplight_session_{port}"),
        None => "lamplight_session".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn request(host: &'static str, cookies: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static(host));
        for cookie in cookies {
            headers.append(COOKIE, HeaderValue::from_static(cookie));
        }
        headers
    }

    #[test]
    fn the_cookie_of_this_port_is_found_among_others() {
        let cookies = ["a=b; lamplight_session_1=x", "lamplight_session_8787=secret;c"];
        assert_eq!(read(&request("localhost:8787", &cookies)), Some("secret"));
        assert_eq!(read(&request("localhost:1", &cookies)), Some("x"));
        assert_eq!(read(&request("localhost", &cookies)), None);
        assert_eq!(read(&request("localhost", &["lamplight_session=y"])), Some("y"));
        assert_eq!(read(&request("[::1]", &["lamplight_session=y"])), Some("y"));
        assert_eq!(read(&request("[::1]:8787", &cookies)), Some("secret"));
    }

    #[test]
    fn scripts_and_other_sites_cannot_use_the_cookie() {
        let headers = request("localhost:8787", &[]);
        let cookie = set(&headers, "s", true);
        assert!(cookie.starts_with("lamplight_session_8787=s; "), "{cookie}");
        for part in ["; HttpOnly", "; SameSite=Strict", "; Secure", "; Path=/"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!set(&headers, "s", false).contains("Secure"));
        assert!(remove(&headers).contains("Max-Age=0"));
    }
}
