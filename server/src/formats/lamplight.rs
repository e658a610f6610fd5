//! Lamplight's own format: an array of events, one event, or a batch object, as JSON.
//!
//! Intake only checks the form and counts. The process stage reads the events.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use lamplight_wire::batch::{self, Body, BodyError};
use lamplight_wire::json;
use lamplight_wire::limits::UNPACKED_BYTES_MAX;

use super::decompress::{DecompressError, decompress};
use crate::store::Encoding;

/// A body is not in this format.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// It cannot be decompressed.
    #[error(transparent)]
    Decompress(#[from] DecompressError),
    /// It is not a batch of events.
    #[error("read the body: {0}")]
    Body(#[from] BodyError),
}

/// The size of a body that is in this format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodySize {
    /// Events in the body, valid or not.
    pub events: u32,
    /// Bytes of the decompressed body.
    pub bytes: u32,
}

/// Whether the content type is one of this format. Browsers send `text/plain` from pages, because
/// that needs no preflight request.
pub fn accepts_content_type(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| {
        ["application/json", "text/plain"].iter().any(|known| essence.eq_ignore_ascii_case(known))
    })
}

/// The encoding in the `Content-Encoding` header, `None` without the header.
///
/// # Errors
/// The header's value when it is not a supported encoding.
pub fn declared_encoding(headers: &HeaderMap) -> Result<Option<Encoding>, String> {
    let Some(value) = headers.get(CONTENT_ENCODING) else { return Ok(None) };
    let name = String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase();
    Encoding::from_name(&name).map(Some).ok_or(name)
}

/// The encoding of a body: the declared one, or else the one that its first bytes show. Pages send
/// gzip without the header, because the header needs a preflight request.
pub fn encoding(declared: Option<Encoding>, body: &[u8]) -> Encoding {
    match declared {
        Some(encoding) => encoding,
        None if body.starts_with(&batch::GZIP_MAGIC) => Encoding::Gzip,
        None => Encoding::Identity,
    }
}

/// The text of a body: decompressed, and with U+FFFD in place of each half of a surrogate pair,
/// which cannot be stored as text. Everything that reads a body reads this text.
///
/// # Errors
/// [`DecompressError`].
pub fn text(encoding: Encoding, body: &[u8]) -> Result<Cow<'_, str>, DecompressError> {
    Ok(match decompress(encoding, body, UNPACKED_BYTES_MAX)? {
        Cow::Borrowed(text) => json::valid_unicode(text),
        Cow::Owned(text) => match json::valid_unicode(&text) {
            Cow::Owned(repaired) => Cow::Owned(repaired),
            Cow::Borrowed(_) => Cow::Owned(text),
        },
    })
}

/// Checks the form of a body and measures it.
///
/// # Errors
/// [`FormatError`] when the body is not in this format, or over a limit of it.
pub fn measure(encoding: Encoding, body: &[u8]) -> Result<BodySize, FormatError> {
    let text = text(encoding, body)?;
    let events = Body::read(&text)?.events.len();
    // Both numbers are within limits that fit into 32 bits.
    Ok(BodySize {
        events: u32::try_from(events).unwrap_or(u32::MAX),
        bytes: u32::try_from(text.len()).unwrap_or(u32::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_measured_after_decompression() {
        let text = r#"[{"name":"a"}, {"name":""}]"#;
        let size = BodySize { events: 2, bytes: 27 };
        assert_eq!(measure(Encoding::Identity, text.as_bytes()).unwrap(), size);
        let zstd = zstd::stream::encode_all(text.as_bytes(), 3).unwrap();
        assert_eq!(measure(Encoding::Zstd, &zstd).unwrap(), size);
        assert!(matches!(measure(Encoding::Gzip, b"[]"), Err(FormatError::Decompress(_))));
        assert!(matches!(measure(Encoding::Identity, b"[1"), Err(FormatError::Body(_))));
    }

    #[test]
    fn gzip_is_recognized_without_a_header_and_a_header_is_always_believed() {
        assert_eq!(encoding(None, &batch::GZIP_MAGIC), Encoding::Gzip);
        assert_eq!(encoding(None, b"[]"), Encoding::Identity);
        assert_eq!(encoding(Some(Encoding::Identity), &batch::GZIP_MAGIC), Encoding::Identity);
    }
}
