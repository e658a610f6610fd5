//! The binary form of a group of payloads: one message of the stream.
//!
//! ```text
//! "LMPG"  version  heads (postcard)  body of the first payload  body of the second …
//! ```
//!
//! Bodies are verbatim. A message may be read by a server of another version while servers are
//! replaced one after the other, so a new version is read for a release before it is written.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::store::{Encoding, NewPayload, PayloadId, PayloadMetadata};

const MARK: [u8; 4] = *b"LMPG";
/// The version that is written, and the only one that is read.
const VERSION: u8 = 1;

/// A message is no group that this program can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// It does not begin like one.
    #[error("it does not begin like a group of payloads")]
    Foreign,
    /// It has another version.
    #[error("its version is {0}, and this server reads version {VERSION}")]
    Version(u8),
    /// It begins like one, and goes on differently.
    #[error("it is damaged")]
    Damaged,
}

/// A payload without its body.
#[derive(Debug, Serialize, Deserialize)]
struct Head<'a> {
    id: [u8; 16],
    received_ms: i64,
    key_id: &'a str,
    source: &'a str,
    encoding: u8,
    events: u32,
    unpacked_bytes: u32,
    user_agent: Option<&'a str>,
    origin: Option<&'a str>,
    client: Option<&'a str>,
    body_bytes: u32,
}

/// The number of an encoding in a message.
const fn number(encoding: Encoding) -> u8 {
    match encoding {
        Encoding::Identity => 0,
        Encoding::Gzip => 1,
        Encoding::Brotli => 2,
        Encoding::Zstd => 3,
    }
}

fn encoding(of: u8) -> Option<Encoding> {
    [Encoding::Identity, Encoding::Gzip, Encoding::Brotli, Encoding::Zstd]
        .into_iter()
        .find(|it| number(*it) == of)
}

impl<'a> Head<'a> {
    fn new(payload: &'a NewPayload) -> Option<Self> {
        let metadata = &payload.metadata;
        Some(Self {
            id: metadata.id.0.into_bytes(),
            received_ms: metadata.received_ms,
            key_id: &metadata.key_id,
            source: &metadata.source,
            encoding: number(metadata.encoding),
            events: metadata.events,
            unpacked_bytes: metadata.unpacked_bytes,
            user_agent: metadata.user_agent.as_deref(),
            origin: metadata.origin.as_deref(),
            client: metadata.client.as_deref(),
            body_bytes: u32::try_from(payload.body.len()).ok()?,
        })
    }

    fn metadata(&self) -> Option<PayloadMetadata> {
        Some(PayloadMetadata {
            id: PayloadId(Uuid::from_bytes(self.id)),
            received_ms: self.received_ms,
            key_id: self.key_id.to_owned(),
            source: self.source.to_owned(),
            encoding: encoding(self.encoding)?,
            events: self.events,
            unpacked_bytes: self.unpacked_bytes,
            user_agent: self.user_agent.map(str::to_owned),
            origin: self.origin.map(str::to_owned),
            client: self.client.map(str::to_owned),
        })
    }
}

/// The message of these payloads. `None` if one is too large to be in any: 4 GiB.
pub fn encode<'p>(payloads: impl IntoIterator<Item = &'p NewPayload> + Clone) -> Option<Bytes> {
    let heads = payloads.clone().into_iter().map(Head::new).collect::<Option<Vec<_>>>()?;
    let message = [&MARK[..], &[VERSION]].concat();
    let mut message = postcard::to_extend(&heads, message).ok()?;
    for payload in payloads {
        message.extend_from_slice(&payload.body);
    }
    Some(message.into())
}

/// The payloads of a message. Their bodies share its memory.
///
/// # Errors
/// [`GroupError`], for any other bytes.
pub fn decode(message: &Bytes) -> Result<Vec<NewPayload>, GroupError> {
    let rest = message.strip_prefix(&MARK).ok_or(GroupError::Foreign)?;
    let (version, rest) = rest.split_first().ok_or(GroupError::Foreign)?;
    if *version != VERSION {
        return Err(GroupError::Version(*version));
    }
    let (heads, mut bodies) =
        postcard::take_from_bytes::<Vec<Head<'_>>>(rest).map_err(|_| GroupError::Damaged)?;
    let mut payloads = Vec::new();
    for head in &heads {
        let bytes = usize::try_from(head.body_bytes).map_err(|_| GroupError::Damaged)?;
        let (body, rest) = bodies.split_at_checked(bytes).ok_or(GroupError::Damaged)?;
        let metadata = head.metadata().ok_or(GroupError::Damaged)?;
        // The subject has named the queue already.
        payloads.push(NewPayload { metadata, body: message.slice_ref(body), home: None });
        bodies = rest;
    }
    if bodies.is_empty() { Ok(payloads) } else { Err(GroupError::Damaged) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = String> {
        ".{0,20}"
    }

    prop_compose! {
        fn payload()(
            id in any::<u128>(),
            numbers in any::<(i64, u32, u32)>(),
            key_id in text(),
            source in text(),
            encoding_of in 0_u8..4,
            headers in (prop::option::of(text()), prop::option::of(text()), prop::option::of(text())),
            body in prop::collection::vec(any::<u8>(), 0..200),
        ) -> NewPayload {
            let metadata = PayloadMetadata {
                id: PayloadId(Uuid::from_u128(id)),
                received_ms: numbers.0,
                key_id,
                source,
                encoding: encoding(encoding_of).unwrap(),
                events: numbers.1,
                unpacked_bytes: numbers.2,
                user_agent: headers.0,
                origin: headers.1,
                client: headers.2,
            };
            NewPayload { metadata, body: body.into(), home: None }
        }
    }

    fn parts(payloads: &[NewPayload]) -> Vec<(PayloadMetadata, Bytes)> {
        payloads.iter().map(|it| (it.metadata.clone(), it.body.clone())).collect()
    }

    proptest! {
        #[test]
        fn a_group_is_read_as_it_was_written(payloads in prop::collection::vec(payload(), 0..8)) {
            let message = encode(&payloads).unwrap();
            prop_assert_eq!(parts(&decode(&message).unwrap()), parts(&payloads));
        }

        #[test]
        fn a_group_that_is_cut_or_continued_is_damaged(
            payloads in prop::collection::vec(payload(), 1..4),
            at in any::<prop::sample::Index>(),
        ) {
            let message = encode(&payloads).unwrap();
            let cut = message.slice(..at.index(message.len()));
            let wanted = if cut.len() < 5 { GroupError::Foreign } else { GroupError::Damaged };
            prop_assert_eq!(decode(&cut).map(drop), Err(wanted));
            let longer = Bytes::from([&message[..], b"x"].concat());
            prop_assert_eq!(decode(&longer).map(drop), Err(GroupError::Damaged));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let any = decode(&Bytes::from(bytes.clone()));
            prop_assert!(any.is_err(), "random bytes begin like a group");
            // What is read can be written and is the same then, whatever bytes it came from.
            let message = Bytes::from([&MARK[..], &[VERSION], &bytes[..]].concat());
            if let Ok(payloads) = decode(&message) {
                let again = decode(&encode(&payloads).unwrap()).unwrap();
                prop_assert_eq!(parts(&again), parts(&payloads));
            }
        }

        #[test]
        fn a_changed_byte_is_read_or_refused(
            payloads in prop::collection::vec(payload(), 1..4),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut message = encode(&payloads).unwrap().to_vec();
            let at = at.index(message.len());
            message[at] = byte;
            drop(decode(&message.into()));
        }
    }

    #[test]
    fn the_form_of_a_group_stays_the_same() {
        let metadata = PayloadMetadata {
            id: PayloadId(Uuid::from_u128(1)),
            received_ms: 1,
            key_id: "wk_1".into(),
            source: "web".into(),
            encoding: Encoding::Zstd,
            events: 2,
            unpacked_bytes: 300,
            user_agent: None,
            origin: Some("o".into()),
            client: None,
        };
        let payload = NewPayload { metadata, body: Bytes::from_static(b"body"), home: None };
        let message = encode([&payload]).unwrap();
        let head = b"LMPG\x01\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x02\x04wk_1\x03web\x03\x02\xac\x02\0\x01\x01o\0\x04";
        assert_eq!(message, [&head[..], b"body"].concat());
    }

    #[test]
    fn a_message_of_another_version_says_so() {
        let message = Bytes::from_static(b"LMPG\x02whatever");
        let error = decode(&message).unwrap_err();
        assert_eq!(error.to_string(), "its version is 2, and this server reads version 1");
    }
}
