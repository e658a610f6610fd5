//! A client of the API, for the commands that operate a server.
//!
//! Each command has one implementation, against the API. It reaches the API in one of two ways:
//! over HTTP at a running server, or in this process over the data directory of a server that is
//! not running.

mod address;
mod answer;
mod error;
pub mod event;
pub mod event_stream;
mod in_process;
mod over_http;
mod place;
mod token;

pub use address::ServerAddress;
pub use answer::{Answer, Chunks};
pub use error::ClientError;
pub use in_process::Directory;
pub use over_http::RemoteServer;
pub(crate) use over_http::{unreachable, without_secrets};
pub(crate) use place::settings;
pub use place::{Need, Place, PlaceArgs, RemoteArgs, open};
pub use token::{Token, TokenSource};

use std::fmt::Write;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Query parameters.
pub type Params = Vec<(String, String)>;

/// A call of the API.
#[derive(Debug)]
pub struct Call {
    method: Method,
    /// The path, with what is in it percent-encoded, and the query.
    target: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    /// A `GET` of `path` with `params`.
    pub fn get(path: &str, params: &[(String, String)]) -> Self {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
        let separator = if query.is_empty() { "" } else { "?" };
        let target = format!("{path}{separator}{query}");
        Self { method: Method::GET, target, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// A call of another method with a body in JSON.
    fn with_body(method: Method, path: &str, body: &Value) -> Self {
        let (target, body) = (path.to_owned(), Bytes::from(body.to_string()));
        Self { method, target, headers: HeaderMap::new(), body }
    }

    /// The method and the path without the query, for messages.
    fn name(&self) -> String {
        let path = self.target.split('?').next().unwrap_or_default();
        format!("{} {path}", self.method)
    }
}

/// A way to the API of one server.
#[derive(Debug)]
pub enum Api {
    /// A running server.
    Remote(RemoteServer),
    /// A data directory that no server uses.
    Directory(Box<Directory>),
}

impl Api {
    /// Reads from the API.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        params: &[(String, String)],
    ) -> Result<T, ClientError> {
        self.call(Call::get(path, params)).await
    }

    /// Sends a body to the API.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.call(Call::with_body(Method::POST, path, &json(body))).await
    }

    /// Changes something that exists.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.call(Call::with_body(Method::PATCH, path, &json(body))).await
    }

    /// Opens a stream of server-sent events, after the message with the id `last_id`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn stream(
        &self,
        path: &str,
        params: &[(String, String)],
        last_id: Option<&str>,
    ) -> Result<Chunks, ClientError> {
        let mut call = Call::get(path, params);
        if let Some(id) = last_id.and_then(|id| id.parse().ok()) {
            call.headers.insert("last-event-id", id);
        }
        let name = call.name();
        self.send(call).await?.success(&name).await?.stream(&name)
    }

    /// Ends the work on a directory.
    ///
    /// # Errors
    /// [`ClientError`], when a database cannot be closed.
    pub async fn close(self) -> Result<(), ClientError> {
        match self {
            Self::Remote(_) => Ok(()),
            Self::Directory(directory) => directory.close().await,
        }
    }

    async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T, ClientError> {
        let name = call.name();
        self.send(call).await?.json(&name).await
    }

    async fn send(&self, call: Call) -> Result<Answer, ClientError> {
        match self {
            Self::Remote(server) => server.send(call).await,
            Self::Directory(directory) => directory.send(call).await,
        }
    }
}

/// One segment of a path, percent-encoded.
pub fn segment(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn json(body: &impl Serialize) -> Value {
    serde_json::to_value(body).unwrap_or_default()
}
