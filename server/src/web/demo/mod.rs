//! The demo: a page to try the server on, and faults to see what the SDK makes of them.
//!
//! Reachable only under `lamplight demo`: `serve` never builds these routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};

use crate::app::App;
use crate::http::problem::Problem;
use crate::keys::bootstrap::new_text;
use crate::store::{Key, KeyKind};
use crate::system::entropy::EntropyError;

mod fault;
mod page;

pub use fault::{Fault, Mode};

/// What the demo knows.
#[derive(Debug)]
pub struct Demo {
    /// What the page needs to send and to read.
    config_json: String,
    /// The page's token.
    token: String,
    /// How `/v1/events` behaves just now.
    fault: std::sync::Mutex<Fault>,
}

impl Demo {
    /// A demo with a token of its own, which may read and dies with this process.
    ///
    /// # Errors
    /// When no token could be made.
    pub fn new(app: &App, write_key: Option<&str>) -> Result<Self, EntropyError> {
        let token = new_text(KeyKind::Viewer, &*app.entropy)?;
        app.keyring.put(Key::new(KeyKind::Viewer, "demo", &token, app.clock.now_ms()));
        let config_json =
            serde_json::json!({ "url": "", "key": write_key, "token": token }).to_string();
        Ok(Self { config_json, token, fault: std::sync::Mutex::default() })
    }
}

/// Lets faults happen to the routes of intake.
pub fn with_faults(intake: Router<Arc<App>>, demo: &Arc<Demo>) -> Router<Arc<App>> {
    intake.route_layer(from_fn_with_state(Arc::clone(demo), fault::apply))
}

/// Adds the page and what it talks to. Everything is then refused to other hosts' pages.
pub fn with_pages(router: Router<Arc<App>>, demo: &Arc<Demo>) -> Router<Arc<App>> {
    let pages = Router::new()
        .route("/", get(async || Redirect::temporary("/demo/")))
        .route("/demo", get(async || Redirect::temporary("/demo/")))
        .route("/demo/", get(page::index))
        .route("/demo/{*path}", get(page::file))
        .route("/demo/config.json", get(config))
        .route("/demo/faults", get(fault::read).post(fault::write))
        .with_state(Arc::clone(demo));
    router.merge(pages).layer(from_fn(own_host_only))
}

async fn config(State(demo): State<Arc<Demo>>) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (headers, demo.config_json.clone()).into_response()
}

/// Refuses requests that name another host: a page elsewhere whose name was made to point here (DNS rebinding)
/// would otherwise read the token.
async fn own_host_only(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    if host.is_some_and(is_loopback) {
        return next.run(request).await;
    }
    Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        "host_not_loopback",
        "the demo answers to localhost, 127.0.0.1 and [::1] only",
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
    fn only_loopback_names_are_answered() {
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
