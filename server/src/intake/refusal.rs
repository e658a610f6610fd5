//! Why intake does not take a request, and what it answers. Each changes nothing.

use http::StatusCode;
use lamplight_wire::batch::BodyError;
use lamplight_wire::limits::{BODY_BYTES_MAX, EVENTS_MAX, UNPACKED_BYTES_MAX};

use crate::formats::decompress::UnpackError;
use crate::http::problem::Problem;
use crate::store::StoreError;
use crate::system::entropy::EntropyError;

/// Why a request is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(
        "find a key: send it as ?key=…, as Authorization: Bearer …, or as the user name of HTTP Basic"
    )]
    KeyMissing,
    #[error("accept the key: nobody made it, or it was deleted; check it against the server's")]
    KeyUnknown,
    #[error("accept the key: it was disabled")]
    KeyDisabled,
    #[error("accept the key: {0}")]
    KeyWrongKind(&'static str),
    #[error(
        "accept the key: it is for pages of certain origins, and this request's Origin is none of them; \
         add the origin to the key, or use another key"
    )]
    OriginNotAllowed,
    #[error("take the body: this key has sent more than it may; try again")]
    TooFast { retry_after_s: u32 },
    #[error("read the body: its content type is not one of application/json, text/plain")]
    ContentType,
    #[error("read the body: its content encoding is not one of identity, gzip, br, zstd")]
    ContentEncoding,
    #[error("take the body: it has more than {BODY_BYTES_MAX} bytes; send fewer events at a time")]
    TooLarge,
    #[error("take the body: it came too slowly")]
    TooSlow,
    #[error("read the body: the connection ended within it")]
    Cut,
    #[error("take the body: too much is being received already; try again")]
    Busy { retry_after_s: u32 },
    #[error("take the body: the server is shutting down; try again")]
    Draining { retry_after_s: u32 },
    #[error("take the body: the server's disk is nearly full; try again")]
    DiskLow { retry_after_s: u32 },
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    #[error("read the body")]
    Task(#[from] tokio::task::JoinError),
}

impl Refusal {
    /// Whether the rest of the body should be read before answering.
    pub(super) fn leaves_body(&self) -> bool {
        !matches!(self, Self::TooSlow | Self::Cut)
    }

    pub(super) fn problem(self) -> Problem {
        let (status, code) = self.status();
        match &self {
            Self::Store(
                StoreError::Full { retry_after_s, .. } | StoreError::Down { retry_after_s },
            ) => Problem::new(
                status,
                code,
                "the server cannot write to its disk fast enough, or at all; try again",
            )
            .retry_after_s(*retry_after_s),
            Self::Store(_) | Self::Entropy(_) | Self::Task(_) => Problem::internal(&self),
            Self::Body(error) => Problem::new(status, code, error.to_string()),
            Self::Busy { retry_after_s }
            | Self::TooFast { retry_after_s }
            | Self::DiskLow { retry_after_s } => {
                Problem::new(status, code, format!("failed to {self}"))
                    .retry_after_s(*retry_after_s)
            }
            Self::Draining { retry_after_s } => {
                Problem::new(status, code, format!("failed to {self}"))
                    .retry_after_s(*retry_after_s)
                    .close()
            }
            Self::TooLarge | Self::TooSlow | Self::Cut => {
                Problem::new(status, code, format!("failed to {self}")).close()
            }
            _ => Problem::new(status, code, format!("failed to {self}")),
        }
    }

    fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::KeyMissing => (StatusCode::UNAUTHORIZED, "key_missing"),
            Self::KeyUnknown => (StatusCode::UNAUTHORIZED, "key_unknown"),
            Self::KeyDisabled => (StatusCode::FORBIDDEN, "key_disabled"),
            Self::KeyWrongKind(_) => (StatusCode::FORBIDDEN, "key_wrong_kind"),
            Self::OriginNotAllowed => (StatusCode::FORBIDDEN, "origin_not_allowed"),
            Self::TooFast { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            Self::ContentType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type_unsupported"),
            Self::ContentEncoding => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_encoding_unsupported")
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::Unpack(UnpackError::TooLarge(UNPACKED_BYTES_MAX)) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large_unpacked")
            }
            Self::Unpack(UnpackError::TooLarge(_)) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large")
            }
            Self::Unpack(UnpackError::Broken { .. }) => {
                (StatusCode::BAD_REQUEST, "body_not_unpackable")
            }
            Self::Unpack(UnpackError::NotUtf8(_)) | Self::Body(BodyError::NotJson(_)) => {
                (StatusCode::BAD_REQUEST, "body_not_json")
            }
            Self::Body(BodyError::NotEvents(_)) => (StatusCode::BAD_REQUEST, "body_not_events"),
            Self::Body(BodyError::TooMany) => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_events"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "body_timeout"),
            Self::Cut => (StatusCode::BAD_REQUEST, "body_cut"),
            Self::Busy { .. } | Self::Store(StoreError::Full { .. }) => {
                (StatusCode::SERVICE_UNAVAILABLE, "overloaded")
            }
            Self::Store(StoreError::Down { .. }) => {
                (StatusCode::SERVICE_UNAVAILABLE, "not_writable")
            }
            Self::Draining { .. } => (StatusCode::SERVICE_UNAVAILABLE, "shutting_down"),
            Self::DiskLow { .. } => (StatusCode::SERVICE_UNAVAILABLE, "disk_low"),
            Self::Store(_) | Self::Entropy(_) | Self::Task(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
        }
    }
}

const _: () = assert!(EVENTS_MAX == 1_000, "the text of BodyError::TooMany says how many");
