//! What distinguishes an event from every other one.

use std::borrow::Cow;

use super::Invalid;
use crate::reason::InvalidReason;
use crate::{Producer, json, limits};

/// What distinguishes an event from every other one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EventIdentity<'a> {
    /// A sequence number of its producer: deduplicated permanently.
    Numbered(Producer, u64),
    /// An id chosen by a client that does not number its events.
    ClientId(Cow<'a, str>),
    /// Neither: the event is identified by its position in its payload, so a resent payload makes
    /// new events.
    Anonymous,
}

impl<'a> EventIdentity<'a> {
    /// The identity of an event that cannot be stored, from its JSON text. Its sequence number
    /// arrived, so it is no hole, and a repetition is a duplicate.
    pub fn of_refused(text: &'a str) -> Self {
        let [producer, seq, id] = json::fields(text, ["producer", "seq", "id"]).unwrap_or_default();
        let is_numbered = producer.is_some() || seq.is_some();
        let producer = producer.and_then(json::string).and_then(|name| Producer::parse(&name));
        let seq: Option<u64> = seq.and_then(|json| serde_json::from_str(json).ok());
        let id = id.and_then(json::string);
        match (producer, seq.filter(|seq| is_seq(*seq)), id.filter(|id| is_id(id))) {
            (Some(producer), Some(seq), _) => Self::Numbered(producer, seq),
            (_, _, Some(id)) if !is_numbered => Self::ClientId(id),
            _ => Self::Anonymous,
        }
    }

    /// The identity that an event's members give it.
    pub(super) fn checked(
        producer: Option<&str>,
        seq: Option<u64>,
        id: Option<Cow<'a, str>>,
    ) -> Result<Self, Invalid> {
        if producer.is_some() || seq.is_some() {
            let producer = producer.and_then(Producer::parse);
            return match (producer, seq.filter(|seq| is_seq(*seq))) {
                (Some(producer), Some(seq)) => Ok(Self::Numbered(producer, seq)),
                _ => Err(Invalid::new(
                    InvalidReason::ProducerInvalid,
                    format!(
                        "`producer` and `seq` must be 26 characters of Crockford base32 and an integer from 1 to {}: \
                         send both, or leave both out if you do not number events",
                        limits::SEQ_MAX
                    ),
                )),
            };
        }
        match id {
            None => Ok(Self::Anonymous),
            Some(id) if is_id(&id) => Ok(Self::ClientId(id)),
            Some(id) => Err(Invalid::new(
                InvalidReason::IdInvalid,
                format!("`id` has {} bytes; 1 to {} are accepted", id.len(), limits::ID_BYTES_MAX),
            )),
        }
    }
}

fn is_seq(seq: u64) -> bool {
    (1..=limits::SEQ_MAX).contains(&seq)
}

fn is_id(id: &str) -> bool {
    (1..=limits::ID_BYTES_MAX).contains(&id.len())
}
