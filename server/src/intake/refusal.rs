//! Why intake refuses a request, and the answer. A refused request changes nothing.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use lamplight_wire::batch::BodyError;
use lamplight_wire::limits::UNPACKED_BYTES_MAX;

use crate::formats::decompress::DecompressError;
use crate::formats::lamplight::FormatError;
use crate::http::body::ReceiveError;
use crate::http::problem::{Problem, quoted};
use crate::keys::rate_limit::LimitExceeded;
use crate::store::{KeyKind, StoreError};
use crate::system::entropy::EntropyError;

/// Why a request is refused. `Display` is the text for the client: what happened, why, and what to
/// do next.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(
        "missing key: send a {} key ({}…) as `Authorization: Bearer …`, as `?key=…`, or as the user \
         name of HTTP Basic",
        wanted.name(), wanted.prefix()
    )]
    KeyMissing { wanted: KeyKind },
    #[error(
        "unknown or deleted key `{0}`: use a key of this server, which GET /api/keys lists, or create \
         one with POST /api/keys"
    )]
    KeyUnknown(String),
    #[error("disabled key {key_id}: enable it with PATCH /api/keys/{key_id}, or use another key")]
    KeyDisabled { key_id: String },
    #[error(
        "wrong kind of key: {key_id} is a {} key, and this address needs a {} key ({}…){}",
        is.name(), wanted.name(), wanted.prefix(), other_address(*is)
    )]
    KeyWrongKind { key_id: String, is: KeyKind, wanted: KeyKind },
    #[error(
        "Origin {} is not allowed for key {key_id}: add it to the key's `origins` with PATCH \
         /api/keys/{key_id}, or use another key",
        quoted(origin)
    )]
    OriginNotAllowed { key_id: String, origin: String },
    #[error(
        "missing Origin header: key {key_id} is restricted to pages of certain origins. Use a key \
         without `origins` outside of browsers"
    )]
    OriginMissing { key_id: String },
    #[error(
        "rate limit exceeded ({limit} for key {key_id}): retry after {} s",
        limit.retry_after_s
    )]
    RateLimited { key_id: String, limit: LimitExceeded },
    #[error(
        "invalid value {} for `validate`: send `validate=1` to check events without storing them, or \
         leave it out",
        quoted(.0)
    )]
    ValidateInvalid(String),
    #[error("missing Content-Type: send application/json, or text/plain")]
    ContentTypeMissing,
    #[error(
        "unsupported Content-Type {}: send JSON as application/json, application/…+json, text/json \
         or text/plain",
        quoted(.0)
    )]
    ContentType(String),
    #[error(
        "unsupported Content-Encoding {}: compress the body once, with gzip, br or zstd, or leave \
         the header out",
        quoted(.0)
    )]
    ContentEncoding(String),
    #[error(transparent)]
    Body(#[from] ReceiveError),
    #[error("the server stopped before it had read the body: retry")]
    Stopped,
    #[error("the server is shutting down: retry after {retry_after_s} s")]
    ShuttingDown { retry_after_s: u32 },
    #[error(
        "the server's disk is nearly full: its operator must free space. Retry after \
         {retry_after_s} s"
    )]
    DiskLow { retry_after_s: u32 },
    #[error(
        "the disk is nearly full, and the source {source_name} has sent more than its share: retry after \
         {retry_after_s} s, or ask the operator to free some space"
    )]
    OverShare { source_name: String, retry_after_s: u32 },
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    #[error("read the body")]
    Task(#[from] tokio::task::JoinError),
}

/// Where to send events with a key that was sent to the other address.
fn other_address(is: KeyKind) -> &'static str {
    match is {
        KeyKind::Write => ". Send events with a write key to /v1/events",
        KeyKind::Secret => ". Send events with a secret key to /v1/logs, and only from a backend",
        KeyKind::Admin | KeyKind::Viewer => "",
    }
}

impl Refusal {
    /// The refusal of the request's `Content-Type`.
    pub(super) fn content_type(headers: &HeaderMap) -> Self {
        match headers.get(CONTENT_TYPE) {
            Some(value) => {
                Self::ContentType(String::from_utf8_lossy(value.as_bytes()).into_owned())
            }
            None => Self::ContentTypeMissing,
        }
    }

    pub(super) fn problem(self) -> Problem {
        let (status, code) = self.status();
        let problem = match &self {
            Self::Store(StoreError::Full { retry_after_s, .. }) => Problem::new(
                status,
                code,
                format!(
                    "overloaded: the server writes payloads to its database too slowly. Retry after \
                     {retry_after_s} s"
                ),
            ),
            Self::Store(StoreError::Down { retry_after_s }) => Problem::new(
                status,
                code,
                format!(
                    "the server cannot write to its database: its operator must check the server's \
                     log and the database's disk. Retry after {retry_after_s} s"
                ),
            ),
            Self::Store(_) | Self::Entropy(_) | Self::Task(_) => Problem::internal(&self),
            Self::Format(error) => Problem::new(status, code, format_detail(error)),
            _ => Problem::new(status, code, self.to_string()),
        };
        let problem = match self.retry_after_s() {
            Some(seconds) => problem.retry_after_s(seconds),
            None => problem,
        };
        if self.closes() { problem.close() } else { problem }
    }

    fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::RateLimited { limit, .. } => Some(limit.retry_after_s),
            Self::Body(error) => error.retry_after_s(),
            Self::ShuttingDown { retry_after_s }
            | Self::DiskLow { retry_after_s }
            | Self::OverShare { retry_after_s, .. }
            | Self::Store(
                StoreError::Full { retry_after_s, .. } | StoreError::Down { retry_after_s },
            ) => Some(*retry_after_s),
            _ => None,
        }
    }

    /// Whether the connection is closed after the answer.
    fn closes(&self) -> bool {
        match self {
            Self::ShuttingDown { .. } | Self::Stopped => true,
            Self::Body(error) => error.closes(),
            _ => false,
        }
    }

    fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::KeyMissing { .. } => (StatusCode::UNAUTHORIZED, "key_missing"),
            Self::KeyUnknown(_) => (StatusCode::UNAUTHORIZED, "key_unknown"),
            Self::KeyDisabled { .. } => (StatusCode::FORBIDDEN, "key_disabled"),
            Self::KeyWrongKind { .. } => (StatusCode::FORBIDDEN, "key_wrong_kind"),
            Self::OriginNotAllowed { .. } | Self::OriginMissing { .. } => {
                (StatusCode::FORBIDDEN, "origin_not_allowed")
            }
            Self::ValidateInvalid(_) => (StatusCode::BAD_REQUEST, "parameter_invalid"),
            Self::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            Self::ContentTypeMissing | Self::ContentType(_) => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type_unsupported")
            }
            Self::ContentEncoding(_) => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_encoding_unsupported")
            }
            Self::Body(error) => error.status(),
            Self::Format(error) => format_status(error),
            Self::Store(StoreError::Full { .. }) => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            Self::Store(StoreError::Down { .. }) => {
                (StatusCode::SERVICE_UNAVAILABLE, "not_writable")
            }
            Self::ShuttingDown { .. } | Self::Stopped => {
                (StatusCode::SERVICE_UNAVAILABLE, "shutting_down")
            }
            Self::DiskLow { .. } => (StatusCode::SERVICE_UNAVAILABLE, "disk_low"),
            Self::OverShare { .. } => (StatusCode::SERVICE_UNAVAILABLE, "source_over_share"),
            Self::Store(_) | Self::Entropy(_) | Self::Task(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
        }
    }
}

fn format_status(error: &FormatError) -> (StatusCode, &'static str) {
    match error {
        FormatError::Decompress(DecompressError::TooLarge(_)) => {
            (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large_decompressed")
        }
        FormatError::Decompress(DecompressError::Invalid { .. }) => {
            (StatusCode::BAD_REQUEST, "body_not_decompressible")
        }
        FormatError::Decompress(DecompressError::NotUtf8(_))
        | FormatError::Body(BodyError::NotJson(_)) => (StatusCode::BAD_REQUEST, "body_not_json"),
        FormatError::Body(BodyError::NotEvents(_)) => (StatusCode::BAD_REQUEST, "body_not_events"),
        FormatError::Body(BodyError::TooMany) => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_events"),
    }
}

fn format_detail(error: &FormatError) -> String {
    match error {
        FormatError::Decompress(DecompressError::TooLarge(_)) => format!(
            "the decompressed body is larger than {UNPACKED_BYTES_MAX} bytes: send fewer events in \
             one request"
        ),
        FormatError::Decompress(DecompressError::Invalid { encoding, reason }) => format!(
            "the body is not valid {}: {reason}. Compress the whole body, and name the encoding in \
             Content-Encoding",
            encoding.name()
        ),
        FormatError::Decompress(DecompressError::NotUtf8(offset)) => {
            format!("the body is not UTF-8: the first invalid byte is at offset {offset}")
        }
        FormatError::Body(error @ BodyError::TooMany) => {
            format!("{error}: send fewer events in one request")
        }
        FormatError::Body(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::rate_limit::Limit;

    #[test]
    fn a_refusal_says_what_happened_why_and_what_to_do_next() {
        let key_id = || "wk_0123456789ab".to_owned();
        let limit = LimitExceeded { limit: Limit::EventsPerS(5_000), retry_after_s: 3 };
        for (refusal, text) in [
            (
                Refusal::RateLimited { key_id: key_id(), limit },
                "rate limit exceeded (5,000 events/s for key wk_0123456789ab): retry after 3 s",
            ),
            (
                Refusal::KeyMissing { wanted: KeyKind::Secret },
                "missing key: send a secret key (sk_…) as `Authorization: Bearer …`, as `?key=…`, or \
                 as the user name of HTTP Basic",
            ),
            (
                Refusal::KeyWrongKind {
                    key_id: "sk_0123456789ab".into(),
                    is: KeyKind::Secret,
                    wanted: KeyKind::Write,
                },
                "wrong kind of key: sk_0123456789ab is a secret key, and this address needs a write \
                 key (wk_…). Send events with a secret key to /v1/logs, and only from a backend",
            ),
            (
                Refusal::OriginNotAllowed { key_id: key_id(), origin: "https://a.example".into() },
                "Origin `https://a.example` is not allowed for key wk_0123456789ab: add it to the \
                 key's `origins` with PATCH /api/keys/wk_0123456789ab, or use another key",
            ),
        ] {
            assert_eq!(refusal.problem().detail, text);
        }
    }

    #[test]
    fn a_database_that_cannot_be_written_to_need_not_be_on_the_servers_disk() {
        let down = Refusal::Store(StoreError::Down { retry_after_s: 2 }).problem();
        assert_eq!(down.code, "not_writable");
        assert!(down.detail.starts_with("the server cannot write to its database:"), "{down:?}");
        assert!(!down.detail.contains("its disk"), "{down:?}");
        assert!(down.detail.contains("the database's disk. Retry after 2 s"), "{down:?}");
    }

    #[test]
    fn a_long_header_value_is_cut_in_the_text() {
        let detail = Refusal::ContentType("x".repeat(500)).problem().detail;
        assert!(detail.len() < 200 && detail.contains('…'), "{detail}");
    }
}
