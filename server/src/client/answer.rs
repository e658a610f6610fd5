//! An answer of the API, however it was reached.

use std::io::Write;

use axum::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::ClientError;
use super::over_http::why;
use crate::api::partial::PARTIAL;
use crate::terminal::escape;

/// Most bytes of an answer that is read as a whole: far above what the API sends.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The head of an answer, and its body as it arrives.
#[derive(Debug)]
pub struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) chunks: Chunks,
    /// Where the token came from.
    pub(super) token_origin: String,
}

/// A body, as it arrives.
#[derive(Debug)]
pub enum Chunks {
    /// From a server.
    Remote(reqwest::Response),
    /// From this process.
    Local(Body),
}

impl Chunks {
    /// The next part of the body, or none at its end.
    ///
    /// # Errors
    /// Why there is no more, although it has not ended.
    pub async fn next(&mut self) -> Result<Option<Bytes>, String> {
        match self {
            Self::Remote(response) => response.chunk().await.map_err(|error| why(&error)),
            Self::Local(body) => loop {
                match body.frame().await {
                    None => return Ok(None),
                    Some(Ok(frame)) => {
                        if let Ok(data) = frame.into_data() {
                            return Ok(Some(data));
                        }
                    }
                    Some(Err(error)) => return Err(error.to_string()),
                }
            },
        }
    }
}

/// A problem document, as far as it is needed.
#[derive(Deserialize)]
struct ProblemJson {
    code: String,
    detail: String,
}

impl Answer {
    /// The body of a success, as JSON.
    pub(super) async fn json<T: DeserializeOwned>(self, call: &str) -> Result<T, ClientError> {
        let mut answer = self.success(call).await?;
        answer.expect("application/json", call)?;
        let body = answer.body(call).await?;
        serde_json::from_slice(&body).map_err(|error| {
            let why = escape::text(&error.to_string()).into_owned();
            ClientError::OtherForm { call: call.to_owned(), why }
        })
    }

    /// The body of a success, as a stream of server-sent events.
    pub(super) fn stream(self, call: &str) -> Result<Chunks, ClientError> {
        self.expect("text/event-stream", call)?;
        Ok(self.chunks)
    }

    /// This answer, if it is a success, and otherwise what it says.
    pub(super) async fn success(mut self, call: &str) -> Result<Self, ClientError> {
        if self.status.is_success() {
            self.say_what_is_missing();
            return Ok(self);
        }
        let (call, status) = (call.to_owned(), self.status.as_u16());
        if self.status.is_redirection() {
            let location = self.header(LOCATION.as_str()).unwrap_or("another address");
            return Err(ClientError::Redirected { call, location: escape::text(location).into() });
        }
        let kind = self.kind();
        let retry_after_s = self.header(RETRY_AFTER.as_str()).and_then(|text| text.parse().ok());
        let is_problem = kind.starts_with("application/problem+json");
        let problem: Option<ProblemJson> =
            if is_problem { serde_json::from_slice(&self.body(&call).await?).ok() } else { None };
        let Some(ProblemJson { code, detail }) = problem else {
            return Err(ClientError::NotLamplight { call, status, kind });
        };
        let is_route = detail.starts_with("nothing is at this address");
        if status == 405 || (status == 404 && is_route) {
            return Err(ClientError::UnknownCall { call });
        }
        let origin = match status {
            401 | 403 if code.starts_with("token_") => {
                format!(". The token came from {}", self.token_origin)
            }
            _ => String::new(),
        };
        // The error begins with these words already.
        let detail = detail.strip_prefix("failed to ").unwrap_or(&detail);
        let [code, detail] = [&code, detail].map(|text| escape::text(text).into_owned());
        Err(ClientError::Refused { call, status, code, detail, origin, retry_after_s })
    }

    /// Says on stderr which databases did not answer.
    fn say_what_is_missing(&self) {
        if let Some(numbers) = self.header(PARTIAL.as_str()) {
            let numbers = escape::text(numbers);
            // Nobody may be there to read it.
            drop(writeln!(
                std::io::stderr(),
                "warning: what shard {numbers} has is missing here: it does not answer"
            ));
        }
    }

    async fn body(&mut self, call: &str) -> Result<Vec<u8>, ClientError> {
        let cut = |why: String| ClientError::Cut { call: call.to_owned(), why };
        let mut body = Vec::new();
        while let Some(chunk) = self.chunks.next().await.map_err(cut)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(cut("it is far larger than an answer of the API".into()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn expect(&self, kind: &str, call: &str) -> Result<(), ClientError> {
        if self.kind().starts_with(kind) {
            return Ok(());
        }
        let (call, status) = (call.to_owned(), self.status.as_u16());
        Err(ClientError::NotLamplight { call, status, kind: self.kind() })
    }

    fn kind(&self) -> String {
        let kind = self.header(CONTENT_TYPE.as_str()).unwrap_or("without a content type");
        escape::text(kind).into_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
