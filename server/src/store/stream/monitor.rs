//! The monitoring endpoints of the nodes, which say how each node is configured.

use std::time::Duration;

use reqwest::{Client, Url};
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
        let url = monitor.join("varz").map_err(|error| error.to_string())?;
        let asked = self.client.get(url).send().await.map_err(described)?;
        let mut answer = asked.error_for_status().map_err(described)?;
        let mut text = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(described)? {
            if text.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err("it answers with more than a node says about itself".into());
            }
            text.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&text)
            .map_err(|error| format!("its answer is not that of a NATS node: {error}"))
    }
}

/// The causes, the outermost first, without the address.
fn described(error: reqwest::Error) -> String {
    let error = error.without_url();
    let causes = std::iter::successors(std::error::Error::source(&error), |it| it.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
