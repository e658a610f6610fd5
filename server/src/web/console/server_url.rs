//! The address of this server, as the browser reaches it.

use std::fmt::Write;

use http::HeaderMap;
use http::header::HOST;

use crate::app::App;

/// Whether the browser reaches the server by HTTPS, itself or through a proxy. A client that says
/// so wrongly only harms its own cookie, and the examples that it is shown.
pub(super) fn is_tls(app: &App, headers: &HeaderMap) -> bool {
    let forwarded = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
    app.has_tls || forwarded.is_some_and(|proto| proto.eq_ignore_ascii_case("https"))
}

/// The address, without a path. It has only characters that need no quotes in a shell, in HTML and
/// in JavaScript: others are written as percent codes, which browsers decode.
pub(super) fn of(app: &App, headers: &HeaderMap) -> String {
    let scheme = if is_tls(app, headers) { "https" } else { "http" };
    let host = headers.get(HOST).map(|host| plain_host(host.as_bytes()));
    format!("{scheme}://{}", host.unwrap_or_else(|| "localhost".into()))
}

fn plain_host(host: &[u8]) -> String {
    let mut plain = String::new();
    for &byte in host {
        if byte.is_ascii_alphanumeric() || b"-._~:[]%".contains(&byte) {
            plain.push(char::from(byte));
        } else {
            let _ = write!(plain, "%{byte:02X}");
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_cannot_leave_the_example_that_it_is_in() {
        assert_eq!(plain_host(b"t.example.com:8787"), "t.example.com:8787");
        assert_eq!(plain_host(b"[::1]:8787"), "[::1]:8787");
        assert_eq!(plain_host(b"a'$(b)\"<\\"), "a%27%24%28b%29%22%3C%5C");
    }
}
