//! The id of one arrival of an event, derived so that processing a payload again gives the same
//! ids.

use sha2::{Digest, Sha256};

use crate::store::{PayloadId, RowId};

/// A `UUIDv7` (RFC 9562) of the time of receipt, 58 bits of a hash of the payload's id, and the
/// index in it, so that events that arrived together sort in their order.
pub fn row_id(payload: PayloadId, received_ms: i64, index: u32) -> RowId {
    let hash: [u8; 32] = Sha256::digest(payload.0.as_bytes()).into();
    let mut random = [0; 10];
    random[..8].copy_from_slice(&hash[..8]);
    // A payload holds at most `limits::EVENTS_MAX` events, so the lowest two bytes hold any index.
    random[8..].copy_from_slice(&index.to_be_bytes()[2..]);
    let ms = u64::try_from(received_ms).unwrap_or(0);
    RowId(uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_row_id_depends_only_on_payload_and_index_and_sorts_by_time() {
        let (one, two) = (PayloadId(Uuid::from_u128(1)), PayloadId(Uuid::from_u128(2)));
        assert_eq!(row_id(one, 5, 0), row_id(one, 5, 0));
        assert_ne!(row_id(one, 5, 0), row_id(one, 5, 1));
        assert_ne!(row_id(one, 5, 0), row_id(two, 5, 0));
        assert!(row_id(one, 5, 9) < row_id(two, 6, 0));
        assert!((0..1_000).all(|index| row_id(one, 5, index) < row_id(one, 5, index + 1)));
        assert_eq!(row_id(one, 5, 0).0.get_version_num(), 7);
    }
}
