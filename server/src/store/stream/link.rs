//! The connection to the cluster, and what is asked of the stream through it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::context::{ContextBuilder, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::{self, Context, ErrorCode};
use async_nats::{Client, ConnectOptions, Event};
use bytes::Bytes;
use serde::Deserialize;

use super::OpenError;
use super::health::Health;
use super::judgement::Connected;
use super::settings;
use super::url::{IntakeUrl, Login};

/// How long connecting to one node may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long the cluster may take to answer, once. Its answer to a group comes after the sync of
/// most replicas.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// A node that is silent for two of these is left for another one.
const PING_EVERY: Duration = Duration::from_secs(2);
/// The longest wait between attempts to connect.
const RECONNECT_MS_MAX: u64 = 500;

/// Why a group was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// The stream, or the disk of a node, is full.
    Full,
    /// Anything else, which may pass by itself. Whether the group is in the stream, nobody knows.
    Unknown(String),
}

/// What is in the stream.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Content {
    pub(super) groups: u64,
    pub(super) bytes: u64,
    pub(super) oldest_ms: Option<i64>,
}

/// The connection.
#[derive(Debug)]
pub(super) struct Link {
    client: Client,
    context: Context,
    url: IntakeUrl,
}

impl Link {
    pub(super) async fn connect(url: &IntakeUrl, health: &Arc<Health>) -> Result<Self, OpenError> {
        let failed = |why: String| OpenError::Connect { nodes: url.to_string(), why };
        let options = options(url, health).await.map_err(failed)?;
        let client = options.connect(&url.nodes).await.map_err(|error| failed(causes(&error)))?;
        let context = ContextBuilder::new().timeout(ANSWER_MAX).build(client.clone());
        Ok(Self { client, context, url: url.clone() })
    }

    /// Whether there is a connection.
    pub(super) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// How many connections there were so far, which is the number of this one.
    pub(super) fn connection(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Acquire)
    }

    pub(super) fn connected(&self) -> Connected {
        let info = self.client.server_info();
        Connected { server_id: info.server_id, cluster: info.cluster }
    }

    /// Publishes a group once. It is synced on most replicas when this returns `Ok`.
    pub(super) async fn publish(
        &self,
        subject: &str,
        id: &str,
        group: Bytes,
    ) -> Result<(), Refused> {
        let message =
            PublishMessage::build().payload(group).message_id(id).expected_stream(&self.url.stream);
        let unknown = |error: jetstream::context::PublishError| match error.kind() {
            _ if is_full(&error) => Refused::Full,
            PublishErrorKind::StreamNotFound => {
                Refused::Unknown("the stream has no leader, or was deleted".into())
            }
            _ => Refused::Unknown(causes(&error)),
        };
        let sent = self.context.send_publish(subject.to_owned(), message).await.map_err(unknown)?;
        let acknowledged = sent.await.map_err(unknown)?;
        if acknowledged.stream == self.url.stream {
            Ok(())
        } else {
            Err(Refused::Unknown("another stream has the subject of this one".into()))
        }
    }

    /// Makes the stream, unless it is there. Gives what is wrong with one that is.
    pub(super) async fn prepare_stream(&self) -> Result<Vec<String>, String> {
        let wanted = settings::stream(&self.url);
        let stream = self.context.get_or_create_stream(wanted).await.map_err(|it| causes(&it))?;
        Ok(settings::faults_of_stream(&self.url, &stream.cached_info().config))
    }

    /// What is wrong with the settings of the stream.
    pub(super) async fn faults_of_stream(&self) -> Result<Vec<String>, String> {
        match self.context.get_stream(&self.url.stream).await {
            Ok(stream) => Ok(settings::faults_of_stream(&self.url, &stream.cached_info().config)),
            Err(error) if is_missing(&error) => Ok(vec![format!(
                "the stream {} was deleted: restart the server, which makes it again",
                self.url.stream
            )]),
            Err(error) => Err(causes(&error)),
        }
    }

    /// The consumer of a shard. It is made, unless it is there.
    pub(super) async fn consumer(&self, shard: u16) -> Result<(PullConsumer, Vec<String>), String> {
        let (name, wanted) = (settings::consumer_name(shard), settings::consumer(&self.url, shard));
        let stream = self.context.get_stream_no_info(&self.url.stream).await;
        let stream = stream.map_err(|error| causes(&error))?;
        let consumer = stream.get_or_create_consumer(&name, wanted).await;
        let consumer = consumer.map_err(|error| causes(&error))?;
        let faults = settings::faults_of_consumer(&self.url, shard, &consumer.cached_info().config);
        Ok((consumer, faults))
    }

    /// What waits for a shard, and how large the stream is.
    pub(super) async fn content(&self, shard: u16) -> Result<Content, String> {
        let subject = self.url.subject(shard);
        let (request, ask) = (
            format!("STREAM.INFO.{}", self.url.stream),
            serde_json::json!({ "subjects_filter": subject }),
        );
        let answer = self.context.request::<_, _, Response<Info>>(request, &ask).await;
        let state = match answer.map_err(|error| causes(&error))? {
            Response::Ok(info) => info.state,
            Response::Err { error } => return Err(causes(&error)),
        };
        let first =
            state.first_ts.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
        Ok(Content {
            groups: state.subjects.get(&subject).copied().unwrap_or(0),
            bytes: state.bytes,
            oldest_ms: first.filter(|_| state.messages > 0),
        })
    }

    /// How many bytes the stream may have.
    pub(super) fn bytes_max(&self) -> u64 {
        u64::try_from(self.url.bytes_max).unwrap_or(0)
    }

    /// Ends the connection once everything is sent.
    pub(super) async fn close(&self) {
        if let Err(error) = self.client.drain().await {
            tracing::debug!(%error, "failed to end the connection to NATS");
        }
    }
}

/// What a stream says about itself, as far as it is of use.
#[derive(Debug, Deserialize)]
struct Info {
    state: ContentState,
}

#[derive(Debug, Deserialize)]
struct ContentState {
    messages: u64,
    bytes: u64,
    first_ts: String,
    #[serde(default)]
    subjects: HashMap<String, u64>,
}

async fn options(url: &IntakeUrl, health: &Arc<Health>) -> Result<ConnectOptions, String> {
    let mut options = ConnectOptions::new();
    options = match &url.login {
        Login::None => options,
        Login::User(user, password) => {
            options.user_and_password(user.clone(), password.reveal().to_owned())
        }
        Login::Token(token) => options.token(token.reveal().to_owned()),
    };
    if let Some(path) = &url.credentials_file {
        let read = options.credentials_file(path).await;
        options =
            read.map_err(|error| format!("read the credentials in {}: {error}", path.display()))?;
    }
    if let Some(path) = &url.ca_file {
        options = options.add_root_certificates(path.clone());
    }
    if let Some((certificate, key)) = &url.client {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    let health = Arc::clone(health);
    Ok(options
        .name("lamplight")
        .require_tls(url.has_tls)
        .connection_timeout(CONNECT_MAX)
        .request_timeout(Some(ANSWER_MAX))
        .ping_interval(PING_EVERY)
        // The URL names all nodes. What they say of themselves may be an address inside a cluster.
        .ignore_discovered_servers()
        .max_reconnects(None)
        .reconnect_delay_callback(|attempts| {
            let doubled = 20_u64.saturating_mul(1 << attempts.min(10));
            Duration::from_millis(doubled.min(RECONNECT_MS_MAX))
        })
        .event_callback(move |event| {
            noticed(&event, &health);
            std::future::ready(())
        }))
}

fn noticed(event: &Event, health: &Health) {
    match event {
        Event::Disconnected => {
            health.forget();
            tracing::warn!("the connection to NATS ended: connecting again");
        }
        Event::Connected => {
            health.want_check();
            tracing::info!("connected to NATS");
        }
        Event::ServerError(error) => tracing::warn!(%error, "NATS reports an error"),
        Event::ClientError(error) => {
            tracing::debug!(%error, "failed to use the connection to NATS");
        }
        other => tracing::debug!(event = %other, "NATS"),
    }
}

/// Whether the stream takes nothing because something is full.
fn is_full(error: &jetstream::context::PublishError) -> bool {
    let found = api_error(error);
    found.is_some_and(|error| {
        let is_stored_nowhere = error.error_code() == ErrorCode::STREAM_STORE_FAILED
            && error.to_string().contains("maximum bytes exceeded");
        is_stored_nowhere
            || [
                ErrorCode::INSUFFICIENT_RESOURCES,
                ErrorCode::STORAGE_RESOURCES_EXCEEDED,
                ErrorCode::ACCOUNT_RESOURCES_EXCEEDED,
            ]
            .contains(&error.error_code())
    })
}

fn is_missing(error: &(dyn std::error::Error + 'static)) -> bool {
    use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind};
    let kind = error.downcast_ref::<GetStreamError>().map(GetStreamError::kind);
    matches!(kind, Some(GetStreamErrorKind::JetStream(error)) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

/// What JetStream itself reported.
fn api_error<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e jetstream::Error> {
    std::iter::successors(Some(error), |it| it.source())
        .find_map(|it| it.downcast_ref::<jetstream::Error>())
}

/// An error with its causes, the outermost first.
pub(super) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |it| it.source()) {
        let cause = cause.to_string();
        // Some errors show their cause themselves.
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
