//! The targets, and what must hold for any bytes.

use bytes::Bytes;
use lamplight_server::formats::decompress::{DecompressError, decompress};
use lamplight_server::formats::lamplight;
use lamplight_server::process::enrich::Enrichers;
use lamplight_server::process::plan;
use lamplight_server::store::stream::group::{decode, encode};
use lamplight_server::store::{Encoding, PayloadId, PayloadMetadata};
use lamplight_wire::batch::Body;
use lamplight_wire::event::Event;
use lamplight_wire::json::{members, valid_unicode};
use lamplight_wire::{Producer, limits};
use uuid::Uuid;

const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
const RECEIVED_MS: i64 = 1_700_000_000_000;
/// Low enough for mutations to reach it.
const UNPACKED_BYTES_MAX: usize = 256 * 1024;

fn metadata(encoding: Encoding) -> PayloadMetadata {
    PayloadMetadata {
        id: PayloadId(Uuid::from_u128(7)),
        received_ms: RECEIVED_MS,
        key_id: "wk_1".into(),
        source: "web".into(),
        encoding,
        events: 1,
        unpacked_bytes: 1,
        user_agent: Some(USER_AGENT.into()),
        origin: None,
        client: None,
    }
}

/// Whatever intake accepts, processing can plan, with the same number of events. Whatever intake
/// refuses, processing refuses.
pub(crate) fn body(bytes: &[u8]) {
    let text = lamplight::text(Encoding::Identity, bytes);
    let body = bytes.to_vec().into();
    let planned = plan(&metadata(Encoding::Identity), &body, 1, &Enrichers::default());
    let Ok(text) = text else {
        assert!(planned.is_err());
        return;
    };
    match Body::read(&text) {
        Ok(body) => {
            let plan = planned.expect("what was answered with 200 can be processed");
            assert_eq!(plan.events.len(), body.events.len());
            assert!(body.events.len() <= limits::EVENTS_MAX);
            assert!(body.producers.len() <= limits::PRODUCERS_MAX);
            for text in &body.events {
                assert!(members(text).is_ok(), "an object that every reader of rows can read");
            }
            for (_, note) in &body.producers {
                assert!(note.next <= limits::SEQ_MAX + 1);
                for (reason, ranges) in &note.dropped {
                    assert!((1..=limits::REASON_BYTES_MAX).contains(&reason.len()));
                    assert!(ranges.last().is_none_or(|last| last <= limits::SEQ_MAX));
                }
            }
        }
        Err(error) => {
            assert!(planned.is_err());
            assert!(error.to_string().len() < 512, "an answer quotes no payload: {error}");
        }
    }
}

/// Any bytes decompress to at most the limit, or fail with an error.
pub(crate) fn packed(bytes: &[u8]) {
    for encoding in [Encoding::Gzip, Encoding::Brotli, Encoding::Zstd] {
        match decompress(encoding, bytes, UNPACKED_BYTES_MAX) {
            Ok(text) => assert!(text.len() <= UNPACKED_BYTES_MAX),
            Err(DecompressError::TooLarge(limit)) => assert_eq!(limit, UNPACKED_BYTES_MAX),
            Err(DecompressError::NotUtf8(at)) => assert!(at <= UNPACKED_BYTES_MAX),
            Err(error @ DecompressError::Invalid { .. }) => assert!(error.to_string().len() < 512),
        }
    }
}

/// An event is read within its limits, or refused with a message.
pub(crate) fn event(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Event::read(&valid_unicode(text)) {
        Ok(event) => {
            assert!((1..=limits::NAME_BYTES_MAX).contains(&event.name.len()));
            assert!(
                event.properties_json.is_none_or(|json| json.len() <= limits::PROPERTIES_BYTES_MAX)
            );
        }
        Err(invalid) => assert!(!invalid.detail.is_empty() && invalid.detail.len() < 1024),
    }
}

/// A message of the intake stream is read, and written as it was read, or refused.
pub(crate) fn group(bytes: &[u8]) {
    let message = Bytes::copy_from_slice(bytes);
    let Ok(payloads) = decode(&message) else { return };
    let bodies: usize = payloads.iter().map(|it| it.body.len()).sum();
    assert!(bodies <= bytes.len(), "bodies are parts of the message");
    let again = decode(&encode(&payloads).unwrap()).unwrap();
    assert_eq!(again.len(), payloads.len());
    for (one, other) in again.iter().zip(&payloads) {
        assert_eq!((&one.metadata, &one.body), (&other.metadata, &other.body));
    }
}

/// An id that is read is printed as it was written.
pub(crate) fn names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(producer) = Producer::parse(text) {
        assert_eq!(producer.to_string(), text);
    }
    if let Ok(pairs) = serde_json::from_str::<Vec<(u64, u64)>>(text) {
        let is_in_order = |(from, to): &(u64, u64)| {
            (1..=limits::SEQ_MAX).contains(from) && from <= to && *to <= limits::SEQ_MAX
        };
        let pairs: Vec<(u64, u64)> = pairs.into_iter().filter(is_in_order).collect();
        let ranges: lamplight_wire::Ranges = pairs.iter().copied().collect();
        for (from, to) in &pairs {
            assert!(ranges.contains(*from) && ranges.contains(*to));
        }
        let apart = ranges.as_slice().windows(2).all(|pair| pair[0].1 + 1 < pair[1].0);
        assert!(apart, "ranges that touch are one: {:?}", ranges.as_slice());
    }
}
