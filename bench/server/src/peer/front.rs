//! The servers that this program runs itself, in a process of their own.

use std::time::Duration;

use anyhow::{Context, Result};
use async_nats::jetstream;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Router, routing};
use tokio::net::TcpListener;

use super::jetstream::{STREAM, SUBJECT};

/// Which server.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Front {
    /// Reads the body and answers one word.
    Hello,
    /// Answers once `JetStream` has acknowledged the body.
    Jetstream,
}

/// Serves until the process is ended. `nats` is the URL of the server with `JetStream`.
pub(crate) async fn serve(front: Front, nats: Option<&str>) -> Result<()> {
    let app = Router::new();
    let app = match front {
        Front::Hello => app.route("/v1/events", routing::post(hello)),
        Front::Jetstream => {
            let stream = open(nats.context("--nats is missing")?).await?;
            app.route("/v1/events", routing::post(publish).with_state(stream))
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

async fn hello(body: String) -> &'static str {
    if body.is_empty() { "empty" } else { "hello" }
}

/// A stream with one replica, in files.
async fn open(url: &str) -> Result<jetstream::Context> {
    let client = async_nats::connect(url).await?;
    let mut context = jetstream::new(client);
    context.set_timeout(Duration::from_secs(30));
    let config = jetstream::stream::Config {
        name: STREAM.into(),
        subjects: vec![SUBJECT.into()],
        storage: jetstream::stream::StorageType::File,
        num_replicas: 1,
        ..jetstream::stream::Config::default()
    };
    context.create_stream(config).await?;
    Ok(context)
}

async fn publish(State(stream): State<jetstream::Context>, body: Bytes) -> (StatusCode, String) {
    let acknowledged = async { stream.publish(SUBJECT, body).await?.await };
    match acknowledged.await {
        Ok(_) => (StatusCode::OK, r#"{"status":"OK"}"#.to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}
