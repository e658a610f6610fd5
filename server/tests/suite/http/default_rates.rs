//! What a key without rules may send: intake itself, with a clock that stands still.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::middleware::{Next, from_fn};
use axum::routing::post;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use lamplight_server::http::body;
use lamplight_server::http::client_address::ClientAddresses;
use lamplight_server::http::proxies::TrustedProxies;
use lamplight_server::http::shutdown::Shutdown;
use lamplight_server::intake::{self, ClientInfoPolicy, IntakeState};
use lamplight_server::keys::keyring::Keyring;
use lamplight_server::store::{Key, KeyKind};
use lamplight_server::system::clock::Clock;
use lamplight_server::system::disk_space::DiskSpace;
use lamplight_server::system::entropy::SystemEntropy;
use lamplight_wire::limits::{EVENTS_MAX, UNPACKED_BYTES_MAX};
use serde_json::Value;
use tower::ServiceExt;

use crate::store::memory::Memory;

const WRITE_KEY: &str = "wk_public_key_of_a_page";
const SECRET_KEY: &str = "sk_key_of_a_backend_only";

struct Still;

impl Clock for Still {
    fn now_ms(&self) -> i64 {
        1_700_000_000_000
    }
}

fn intake_routes() -> Router {
    let storage = Memory::default().open(Vec::new());
    let keys = [(KeyKind::Write, WRITE_KEY), (KeyKind::Secret, SECRET_KEY)];
    let keys = keys.map(|(kind, text)| Key::new(kind, "web", text, 0));
    let state = Arc::new(IntakeState::new(
        storage.payload_queue,
        storage.reader,
        Arc::new(Keyring::new(keys)),
        ClientInfoPolicy::default(),
        Arc::new(ClientAddresses::new(TrustedProxies::default())),
        Arc::new(Still),
        Arc::new(SystemEntropy),
        Arc::new(DiskSpace::default()),
        Arc::new(Shutdown::default()),
    ));
    Router::new()
        .route("/v1/events", post(intake::events))
        .route("/v1/logs", post(intake::logs))
        .with_state(state)
        .layer(from_fn(async |request, next: Next| body::hold(request, |it| next.run(it)).await))
}

/// Sends a body until it is refused. Returns how often it was accepted or found wrong, and the
/// refusal.
async fn send_until_refused(routes: &Router, key: &str, body: &[u8]) -> (usize, Value) {
    for sent in 0..1_000 {
        let path = if key == WRITE_KEY { "events" } else { "logs" };
        let request = Request::post(format!("/v1/{path}?key={key}"))
            .header("content-type", "application/json")
            .header("content-encoding", "zstd")
            .body(Body::from(body.to_vec()))
            .unwrap();
        let reply = routes.clone().oneshot(request).await.unwrap();
        if ![StatusCode::OK, StatusCode::BAD_REQUEST].contains(&reply.status()) {
            assert_eq!(reply.status(), StatusCode::TOO_MANY_REQUESTS);
            let wait_s: u32 = reply.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=60).contains(&wait_s), "{wait_s}");
            let bytes = reply.into_body().collect().await.unwrap().to_bytes();
            return (sent, serde_json::from_slice(&bytes).unwrap());
        }
    }
    (1_000, Value::Null)
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::bulk::compress(text.as_bytes(), 3).unwrap()
}

/// Each request has a few hundred bytes and decompresses to 8 MiB. The last ones are refused before
/// they are decompressed. Bodies that are no JSON cost the same work, so they cost the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_public_key_cannot_have_any_number_of_bytes_decompressed() {
    let spaces = " ".repeat(UNPACKED_BYTES_MAX - 2);
    for text in [format!("[{spaces}]"), format!("{{{spaces}[")] {
        let bomb = zstd(&text);
        assert!(bomb.len() < 1_000, "{}", bomb.len());
        let (sent, refused) = send_until_refused(&intake_routes(), WRITE_KEY, &bomb).await;
        assert_eq!(sent, 41, "5 s of 64 MiB/s, and one more");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("67,108,864 decompressed bytes/s"), "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_key_cannot_send_any_number_of_events() {
    let routes = intake_routes();
    let body = zstd(&format!("[{}]", vec!["{}"; EVENTS_MAX].join(",")));
    let (sent, refused) = send_until_refused(&routes, WRITE_KEY, &body).await;
    assert_eq!(sent, 501, "5 s of 100,000 events/s, and one more");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("100,000 events/s"), "{detail}");
    let (sent, _) = send_until_refused(&routes, SECRET_KEY, &body).await;
    assert_eq!(sent, 1_000, "a backend sends more");
}
