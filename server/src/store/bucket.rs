//! Buckets: what is divided between databases. Pure.

use lamplight_wire::Producer;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{EventIdentity, EventRow, PayloadId, PlannedEvent, RefusedEvent, RowId};

/// How many buckets there are.
const BUCKETS: u128 = 1_024;

/// What stands for a text that may be too long for an index: the beginning of its SHA-256.
pub(crate) fn hash(text: &str) -> Uuid {
    let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Uuid::from_bytes(bytes)
}

/// The bucket of a producer. It never changes.
pub(crate) fn bucket_of_producer(producer: Producer) -> i16 {
    bucket(Uuid::from_u128(producer.bits()))
}

/// The bucket of an id that a client gave an event.
pub(crate) fn bucket_of_client_id(source: &str, id: &str) -> i16 {
    bucket(hash(&format!("{source}\0{id}")))
}

/// The bucket of an arrival that nothing tells from others.
pub(crate) fn bucket_of_id(id: Uuid) -> i16 {
    bucket(id)
}

/// The bucket of a payload that names no producer.
pub(crate) fn bucket_of_payload(id: PayloadId) -> i16 {
    bucket(id.0)
}

/// The bucket of an arrival: of what tells whether it arrived before.
pub(crate) fn bucket_of_event(source: &str, event: &PlannedEvent) -> i16 {
    match &event.identity {
        EventIdentity::Numbered(producer, _) => bucket_of_producer(*producer),
        EventIdentity::ClientId(id) => bucket_of_client_id(source, id),
        EventIdentity::Anonymous => bucket(event.id.0),
    }
}

/// The bucket of an event that is stored.
pub(crate) fn bucket_of_row(row: &EventRow) -> i16 {
    bucket_of_arrival(row.number, (&row.source, row.event_id.as_deref()), row.id)
}

/// The bucket of an arrival that was not stored.
pub(crate) fn bucket_of_refused(refused: &RefusedEvent) -> i16 {
    let client_id = (refused.source.as_str(), refused.event_id.as_deref());
    bucket_of_arrival(refused.number, client_id, refused.id)
}

fn bucket_of_arrival(
    number: Option<(Producer, u64)>,
    client_id: (&str, Option<&str>),
    id: RowId,
) -> i16 {
    match (number, client_id) {
        (Some((producer, _)), _) => bucket_of_producer(producer),
        (None, (source, Some(id))) => bucket_of_client_id(source, id),
        (None, (_, None)) => bucket(id.0),
    }
}

fn bucket(id: Uuid) -> i16 {
    // SplitMix64's last steps, over both halves: ids that follow each other are spread.
    let (high, low) = id.as_u64_pair();
    let mut mixed = high ^ low.rotate_left(32);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    i16::try_from(u128::from(mixed) % BUCKETS).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_never_change_and_are_used_evenly() {
        assert_eq!(bucket(Uuid::from_u128(1)), 319);
        let mut used = vec![0_u32; 1_024];
        for producer in 0..102_400_u128 {
            let bucket = bucket_of_producer(Producer::from_bits(producer << 64 | producer));
            used[usize::try_from(bucket).unwrap()] += 1;
        }
        assert!(used.iter().all(|count| (50..200).contains(count)), "{used:?}");
    }
}
