//! Lamplight's own format: an array of events, one event, or a batch object, as JSON.
//!
//! Intake only checks the form and counts. The process stage reads the events.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use lamplight_wire::Producer;
use lamplight_wire::batch::{self, Body, BodyError, ProducerNote};
use lamplight_wire::event::{Event, EventIdentity};
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodySize {
    /// Events in the body, valid or not.
    pub events: u32,
    /// Bytes of the decompressed body.
    pub bytes: u32,
    /// What its declarations about producers cost, in events: one for each producer, and one for
    /// each 16 ranges of dropped numbers.
    pub notes: u32,
    /// The first producer that it names.
    pub home: Option<Producer>,
    /// The producers about whose arrived numbers it asks.
    pub asked: Vec<Asked>,
}

/// A producer that a question names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Its name.
    pub producer: Producer,
    /// The number of its next event: it has numbered all before. 0 if unknown.
    pub next: u64,
}

/// How many ranges of dropped numbers cost as much as an event.
const RANGES_PER_EVENT: usize = 16;

impl BodySize {
    /// What it costs of its key's rate, in events. Declarations are free as long as they cost less
    /// than the events that they come with.
    pub fn cost(&self) -> u64 {
        u64::from(self.events.max(self.notes))
    }
}

/// Whether the content type is one of this format: JSON under any name (RFC 6839, section 3.1), or
/// `text/plain`, which browsers send from pages because it needs no preflight request. Parameters
/// such as `charset` change nothing, because JSON is always UTF-8 (RFC 8259, section 8.1).
pub fn accepts_content_type(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else { return false };
    let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    let essence = essence.trim_ascii().to_ascii_lowercase();
    let is_named = [&b"application/json"[..], b"text/json", b"text/plain"].contains(&&*essence);
    is_named
        || essence.strip_suffix(b"+json").is_some_and(|start| start.starts_with(b"application/"))
}

/// The encoding in the `Content-Encoding` headers, `None` without one. `x-gzip` is an old name of
/// `gzip` (RFC 9110, section 8.4.1.3), and `identity` stands for no encoding.
///
/// # Errors
/// The headers' value when it is not one supported encoding.
pub fn declared_encoding(headers: &HeaderMap) -> Result<Option<Encoding>, String> {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    if values.is_empty() {
        return Ok(None);
    }
    let text = values.join(", ").to_ascii_lowercase();
    let mut names = text.split(',').map(str::trim).filter(|name| !matches!(*name, "" | "identity"));
    match (names.next(), names.next()) {
        (None, _) => Ok(Some(Encoding::Identity)),
        (Some("x-gzip"), None) => Ok(Some(Encoding::Gzip)),
        (Some(name), None) => Encoding::from_name(name).map(Some).ok_or(text),
        (Some(_), Some(_)) => Err(text),
    }
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

/// Reads the text of a body, as it was sent, with `read`. Also returns how many bytes the body has
/// after decompression, or at most, if that failed.
pub fn read<T>(
    encoding: Encoding,
    body: &[u8],
    read: impl FnOnce(&str) -> Result<T, FormatError>,
) -> (u64, Result<T, FormatError>) {
    match decompress(encoding, body, UNPACKED_BYTES_MAX) {
        Ok(text) => (text.len() as u64, read(&text)),
        Err(error) => {
            let bytes = match encoding {
                Encoding::Identity => body.len(),
                _ => UNPACKED_BYTES_MAX,
            };
            (bytes as u64, Err(error.into()))
        }
    }
}

/// Checks the form of the text of a body and measures it.
///
/// # Errors
/// [`FormatError`] when the body is not in this format, or over a limit of it.
pub fn measure(text: &str) -> Result<BodySize, FormatError> {
    let text = json::valid_unicode(text);
    let body = Body::read(&text)?;
    let ranges = |note: &ProducerNote| -> usize {
        note.dropped.iter().map(|(_, ranges)| ranges.as_slice().len()).sum()
    };
    let notes = body.producers.iter().map(|(_, note)| 1 + ranges(note) / RANGES_PER_EVENT);
    let (events, notes) = (body.events.len(), notes.sum::<usize>());
    let home = body.producers.first().map(|(producer, _)| *producer);
    let home = home.or_else(|| producer_of(body.events.first()?));
    let asked = body.asks_arrived.then_some(body.producers);
    let asked = asked.into_iter().flatten();
    let asked = asked.map(|(producer, note)| Asked { producer, next: note.next }).collect();
    // All numbers are within limits that fit into 32 bits.
    Ok(BodySize {
        events: u32::try_from(events).unwrap_or(u32::MAX),
        bytes: u32::try_from(text.len()).unwrap_or(u32::MAX),
        notes: u32::try_from(notes).unwrap_or(u32::MAX),
        home,
        asked,
    })
}

/// The producer of an event, if it can be read and has one.
fn producer_of(event: &str) -> Option<Producer> {
    match Event::read(event).ok()?.identity {
        EventIdentity::Numbered(producer, _) => Some(producer),
        EventIdentity::ClientId(_) | EventIdentity::Anonymous => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_measured_after_decompression() {
        let text = r#"[{"name":"a"}, {"name":""}]"#;
        let size = BodySize { events: 2, bytes: 27, notes: 0, home: None, asked: Vec::new() };
        let measured = |encoding, body: &[u8]| read(encoding, body, measure);
        assert_eq!(measured(Encoding::Identity, text.as_bytes()).1.unwrap(), size);
        let zstd = zstd::stream::encode_all(text.as_bytes(), 3).unwrap();
        let (bytes, read) = measured(Encoding::Zstd, &zstd);
        assert_eq!((bytes, read.unwrap()), (u64::from(size.bytes), size));
        let (bytes, read) = measured(Encoding::Gzip, b"[]");
        assert!(matches!(read, Err(FormatError::Decompress(_))));
        assert_eq!(bytes, UNPACKED_BYTES_MAX as u64, "it may have been decompressed in part");
        let (bytes, read) = measured(Encoding::Identity, b"[1");
        assert!(matches!((bytes, read), (2, Err(FormatError::Body(_)))));
    }

    #[test]
    fn the_home_of_a_body_is_the_first_producer_that_it_names() {
        let producer = |bits| Producer::from_bits(bits);
        let home = |body: &str| measure(body).unwrap().home;
        let (first, second) = (producer(1), producer(2));
        let event =
            |producer, seq| format!(r#"{{"name":"a","producer":"{producer}","seq":{seq}}}"#);
        assert_eq!(home(&format!("[{},{}]", event(first, 1), event(second, 1))), Some(first));
        let noted = format!(
            r#"{{"events":[{}],"producers":{{"{second}":{{"next":9}}}}}}"#,
            event(first, 1)
        );
        assert_eq!(home(&noted), Some(second));
        for none in ["[]", r#"[{"name":"a"}]"#, r#"[{"name":"a","id":"b"}]"#] {
            assert_eq!(home(none), None, "{none}");
        }
    }

    #[test]
    fn a_batch_asks_about_all_of_its_producers_or_none() {
        let [first, second] = [1, 2].map(Producer::from_bits);
        let asked = |ask: &str| {
            let notes = format!(r#""{first}":{{"next":2}},"{second}":{{"next":3}}"#);
            measure(&format!(r#"{{"producers":{{{notes}}},"events":[]{ask}}}"#)).unwrap().asked
        };
        let [first, second] =
            [(first, 2), (second, 3)].map(|(producer, next)| Asked { producer, next });
        assert_eq!(asked(r#","ask_arrived":true"#), [first, second]);
        for none in
            ["", r#","ask_arrived":false"#, r#","ask_arrived":null"#, r#","ask_arrived":"true""#]
        {
            assert_eq!(asked(none), [], "{none}");
        }
    }

    #[test]
    fn declarations_cost_events_unless_the_body_has_more_of_those() {
        let cost = |events: usize, notes: usize, ranges: u64| {
            let events = vec![r#"{"name":"a"}"#; events].join(",");
            let pairs: Vec<_> = (0..ranges).map(|it| format!("[{0},{0}]", 2 * it + 1)).collect();
            let note = |bits: usize| {
                let producer = lamplight_wire::Producer::from_bits(bits as u128);
                let dropped = pairs.join(",");
                format!(r#""{producer}":{{"next":9,"dropped":{{"quota":[{dropped}]}}}}"#)
            };
            let notes: Vec<_> = (0..notes).map(note).collect();
            let body = format!(r#"{{"events":[{events}],"producers":{{{}}}}}"#, notes.join(","));
            measure(&body).unwrap().cost()
        };
        assert_eq!(cost(1, 1, 10), 1, "a page's batch costs its events");
        assert_eq!((cost(0, 1, 0), cost(0, 100, 0)), (1, 100));
        assert_eq!(cost(1, 100, 1_000), 100 * (1 + 1_000 / 16));
    }

    #[test]
    fn json_is_accepted_under_each_of_its_names_in_any_case() {
        let accepts = |value: &str| {
            let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
            accepts_content_type(&HeaderMap::from_iter([(CONTENT_TYPE, value)]))
        };
        for value in [
            "application/json",
            "Application/JSON; Charset=UTF-8",
            "application/json;charset=\"utf-8\"",
            "text/plain;charset=UTF-8",
            "text/json",
            "application/vnd.shop.events+json; v=\u{e9}",
            "application/json ;",
            "application/json; charset=utf-8; charset=utf-8",
        ] {
            assert!(accepts(value), "{value}");
        }
        for value in
            ["", ";", "json", "application/jsonp", "application/x-json2", "text/html+json", "+json"]
        {
            assert!(!accepts(value), "{value}");
        }
    }

    #[test]
    fn one_encoding_may_have_its_old_name_and_stand_beside_identity() {
        let declared = |values: &[&str]| {
            let values = values.iter().map(|value| (CONTENT_ENCODING, value.parse().unwrap()));
            declared_encoding(&values.collect())
        };
        assert_eq!(declared(&[]), Ok(None));
        for values in
            [&["x-gzip"][..], &["X-GZIP"], &["GZip "], &["identity, gzip"], &["identity", "gzip"]]
        {
            assert_eq!(declared(values), Ok(Some(Encoding::Gzip)), "{values:?}");
        }
        for values in [&["identity"][..], &[""], &["identity, identity"]] {
            assert_eq!(declared(values), Ok(Some(Encoding::Identity)), "{values:?}");
        }
        assert_eq!(declared(&["gzip", "br"]), Err("gzip, br".into()));
        assert_eq!(declared(&["deflate"]), Err("deflate".into()));
    }

    #[test]
    fn gzip_is_recognized_without_a_header_and_a_header_is_always_believed() {
        assert_eq!(encoding(None, &batch::GZIP_MAGIC), Encoding::Gzip);
        assert_eq!(encoding(None, b"[]"), Encoding::Identity);
        assert_eq!(encoding(Some(Encoding::Identity), &batch::GZIP_MAGIC), Encoding::Identity);
    }
}
