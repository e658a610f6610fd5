//! The monitoring endpoints of the nodes, which say how each node is configured.

use std::time::Duration;

use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;

use super::OpenError;
use super::url::IntakeUrl;
use crate::system::authorities;

/// How long one node may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(4);
/// The most bytes of an answer that are read. It has some kilobytes.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a node says about itself (`/varz`).
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Node {
    pub(super) server_id: String,
    pub(super) server_name: String,
    pub(super) version: String,
    pub(super) max_payload: u64,
    #[serde(default)]
    pub(super) cluster: Cluster,
    #[serde(default)]
    pub(super) jetstream: JetStream,
}

/// The cluster that a node is in.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Cluster {
    pub(super) name: Option<String>,
}

/// The part of a node that stores.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct JetStream {
    /// `None` if it is not enabled.
    pub(super) config: Option<Store>,
    /// What it knows of the other nodes. `None` if it is alone.
    pub(super) meta: Option<Meta>,
}

/// How a node stores.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Store {
    /// Whether it syncs before it acknowledges. Left out if not.
    #[serde(default)]
    pub(super) sync_always: bool,
}

/// The nodes of the cluster, as one of them sees them.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Meta {
    #[serde(default)]
    pub(super) leader: Option<String>,
    pub(super) cluster_size: usize,
    /// The others. Only the leader knows how they are.
    #[serde(default)]
    pub(super) replicas: Vec<Peer>,
}

/// A node, as another one sees it.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Peer {
    pub(super) name: String,
    #[serde(default)]
    pub(super) current: bool,
    #[serde(default)]
    pub(super) offline: bool,
}

/// The answer of one endpoint: what the node says, or why nothing is known.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) monitor: String,
    pub(super) node: Result<Node, String>,
}

/// Reads the endpoints.
#[derive(Debug)]
pub(super) struct Monitors {
    client: Client,
    urls: Vec<Url>,
}

impl Monitors {
    pub(super) fn new(url: &IntakeUrl) -> Result<Self, OpenError> {
        let failed = |why: String| OpenError::Monitors(why);
        let builder = authorities::trust(Client::builder(), url.ca_file.as_deref())
            .map_err(|error| failed(error.to_string()))?;
        let client = builder
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER_MAX)
            .no_proxy()
            .user_agent(concat!("lamplight/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| failed(error.without_url().to_string()))?;
        Ok(Self { client, urls: url.monitors.clone() })
    }

    /// Asks all of them at the same time.
    pub(super) async fn read(&self) -> Vec<Reading> {
        let asking = self.urls.iter().map(|url| async move {
            let monitor = url.as_str().trim_end_matches('/').to_owned();
            Reading { monitor, node: self.ask(url).await }
        });
        futures_util::future::join_all(asking).await
    }

    async fn ask(&self, monitor: &Url) -> Result<Node, String> {
        let answer = self.get(monitor, "varz").await?;
        let text = read(answer.error_for_status().map_err(described)?).await?;
        let node: Node = serde_json::from_slice(&text)
            .map_err(|error| format!("its answer is not that of a NATS node: {error}"))?;
        // A node answers before it has read what it stores, which may take minutes.
        if node.jetstream.config.is_none() {
            let health = self.get(monitor, "healthz?js-enabled-only=true").await?;
            if health.status() == StatusCode::SERVICE_UNAVAILABLE {
                return Err("it starts, and has not enabled JetStream yet".into());
            }
        }
        Ok(node)
    }

    async fn get(&self, monitor: &Url, path: &str) -> Result<Response, String> {
        let url = monitor.join(path).map_err(|error| error.to_string())?;
        self.client.get(url).send().await.map_err(described)
    }
}

async fn read(mut answer: Response) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(described)? {
        if text.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err("it answers with more than a node says about itself".into());
        }
        text.extend_from_slice(&chunk);
    }
    Ok(text)
}

/// The causes, the outermost first, without the address.
fn described(error: reqwest::Error) -> String {
    let error = error.without_url();
    let causes = std::iter::successors(std::error::Error::source(&error), |it| it.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    use super::*;

    /// Answers each request by its path, and returns where.
    fn node(answer: impl Fn(&str) -> (u16, &'static str) + Send + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let first = lines.next().unwrap_or_default();
                let _ = lines.find(String::is_empty);
                let (status, body) = answer(first.split(' ').nth(1).unwrap_or_default());
                let length = body.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} It\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
            }
        });
        format!("http://127.0.0.1:{port}")
    }

    async fn reading(answer: impl Fn(&str) -> (u16, &'static str) + Send + 'static) -> Reading {
        let url = format!("nats://127.0.0.1:4222?replicas=1&monitor={}", node(answer));
        let monitors = Monitors::new(&url.parse().expect("a URL")).expect("a client");
        monitors.read().await.remove(0)
    }

    const VARZ: &str = r#"{"server_id":"N","server_name":"n1","version":"2.12.0","max_payload":8388608,"jetstream":{}}"#;

    #[tokio::test]
    async fn a_node_that_has_not_enabled_jetstream_yet_says_nothing_about_it() {
        let starting = reading(|path| match path {
            "/varz" => (200, VARZ),
            "/healthz?js-enabled-only=true" => (503, "{}"),
            _ => (404, ""),
        });
        let why = starting.await.node.expect_err("it starts");
        assert_eq!(why, "it starts, and has not enabled JetStream yet");
    }

    #[tokio::test]
    async fn a_node_without_jetstream_says_so() {
        let without =
            reading(|path| if path == "/varz" { (200, VARZ) } else { (200, r#"{"status":"ok"}"#) });
        let node = without.await.node.expect("it says what it has");
        assert!(node.jetstream.config.is_none());
    }
}
