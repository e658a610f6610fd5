//! The demo: a page to try the server with, and faults that show how the SDK handles them.
//!
//! Only `lamplight demo` serves it. `lamplight serve` has none of these routes.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};

use crate::app::App;
use crate::http::body::Receiver;
use crate::http::problem::{Problem, quoted};
use crate::keys::bootstrap::new_text;
use crate::store::{Key, KeyKind};
use crate::system::entropy::EntropyError;

mod fault;
pub(crate) mod page;

pub use fault::{DemoToken, Fault, Mode, apply_fault, fault, set_fault};
pub use page::{file, index};

/// The state of the demo.
pub struct Demo {
    /// What the page needs to send and query events.
    config_json: String,
    /// The page's token.
    token: String,
    /// The current fault of intake.
    fault: std::sync::Mutex<Fault>,
    /// Receives bodies.
    bodies: Arc<Receiver>,
}

impl Demo {
    /// A demo with a viewer token of its own, which is valid until this process ends.
    ///
    /// # Errors
    /// When the system provides no randomness for the token.
    pub fn new(app: &App, write_key: Option<&str>) -> Result<Self, EntropyError> {
        let token = new_text(KeyKind::Viewer, &*app.entropy)?;
        app.keyring.lend(Key::new(KeyKind::Viewer, "demo", &token, app.clock.now_ms()));
        let config_json =
            serde_json::json!({ "url": "", "key": write_key, "token": token }).to_string();
        let bodies = Arc::clone(&app.bodies);
        Ok(Self { config_json, token, fault: std::sync::Mutex::default(), bodies })
    }
}

/// `GET /demo/config.json`: what the page needs to send and query events.
pub async fn config(State(demo): State<Arc<Demo>>) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (headers, demo.config_json.clone()).into_response()
}

/// Refuses requests that name another host. Otherwise a page elsewhere, whose host name was made to
/// resolve to this address (DNS rebinding), could read the token.
pub async fn require_loopback_host(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if is_loopback(host) {
        return next.run(request).await;
    }
    Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        "host_not_loopback",
        format!(
            "the demo does not answer for host {}: use localhost, 127.0.0.1 or [::1]",
            quoted(host)
        ),
    )
    .into_response()
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_loopback_hosts_are_accepted() {
        for host in
            ["localhost", "LOCALHOST:1", "a.localhost:80", "127.0.0.1:8787", "[::1]:9", "[::1]"]
        {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "127.0.0.1.evil.example:80",
            "localhost.evil.example",
            "10.0.0.1",
            "::1:x",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
