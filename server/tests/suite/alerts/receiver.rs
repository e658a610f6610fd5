//! A receiver of notices that checks their signatures, and answers as a test says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, StatusCode};
use lamplight_server::http::listen;
use lamplight_server::http::listen::CloseWithoutAnswer;
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub(super) const SECRET: &str = "a secret of more than sixteen bytes";

/// What the receiver does with the request that has this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    Answer(u16),
    /// It takes the notice, and the answer never arrives.
    Drop,
    /// It answers long after everybody has given up.
    Hang,
}

/// A receiver of notices.
pub(super) struct Receiver {
    pub(super) url: String,
    shared: Arc<Shared>,
    _stop: watch::Sender<bool>,
}

struct Shared {
    behaviours: Vec<Behaviour>,
    requests: Mutex<Vec<Value>>,
}

impl Receiver {
    /// A receiver that behaves like this, one request after the other, and then takes everything.
    pub(super) async fn start(behaviours: &[Behaviour]) -> Self {
        let shared =
            Arc::new(Shared { behaviours: behaviours.to_vec(), requests: Mutex::default() });
        let router = Router::new().route("/{*path}", any(take)).with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/services/T0secret0", listener.local_addr().unwrap());
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(listen::serve(listener, router, stopped, Duration::ZERO, Arc::default()));
        Self { url, shared, _stop: stop }
    }

    /// The bodies that arrived, in order, repeated ones included.
    pub(super) fn bodies(&self) -> Vec<Value> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The ids that arrived.
    pub(super) fn ids(&self) -> Vec<String> {
        self.bodies().iter().map(|body| body["id"].as_str().unwrap().to_owned()).collect()
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers[name].to_str().unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{}.{}.", text("webhook-id"), text("webhook-timestamp")).as_bytes());
    mac.update(&body);
    let signature = text("webhook-signature").strip_prefix("v1,").unwrap().as_bytes();
    mac.verify_slice(&data_encoding::BASE64.decode(signature).unwrap()).expect("a right signature");
    let notice: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(notice["id"], text("webhook-id"));
    let number = {
        let mut requests = shared.requests.lock().unwrap();
        requests.push(notice);
        requests.len() - 1
    };
    match shared.behaviours.get(number).copied().unwrap_or(Behaviour::Answer(204)) {
        Behaviour::Answer(status) => {
            let repeated = format!("no such path: /services/T0secret0 {SECRET}");
            (StatusCode::from_u16(status).unwrap(), repeated).into_response()
        }
        Behaviour::Drop => {
            let mut response = StatusCode::OK.into_response();
            response.extensions_mut().insert(CloseWithoutAnswer);
            response
        }
        Behaviour::Hang => {
            tokio::time::sleep(Duration::from_mins(2)).await;
            StatusCode::OK.into_response()
        }
    }
}
