//! The id of a request: the client's own, so that the logs of both sides can be joined, or a new
//! one.

use data_encoding::HEXLOWER;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::system::entropy::Entropy;

/// The header of the id, in requests and answers.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// The id, in the extensions of a request.
#[derive(Debug, Clone)]
pub struct RequestId(pub HeaderValue);

/// Longest id that is accepted from a client, in bytes.
const ID_BYTES_MAX: usize = 64;

/// The id that the client sent if it is plain, or else a new one of 128 random bits.
pub fn of(headers: &HeaderMap, entropy: &dyn Entropy) -> Option<HeaderValue> {
    match headers.get(HEADER) {
        Some(given) if is_plain(given.as_bytes()) => Some(given.clone()),
        _ => HeaderValue::try_from(HEXLOWER.encode(&entropy.bits().ok()?.to_be_bytes())).ok(),
    }
}

/// Only letters, digits and a few signs, so that an id cannot forge a log line.
fn is_plain(id: &[u8]) -> bool {
    (1..=ID_BYTES_MAX).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::entropy::SystemEntropy;

    fn of_given(given: &[u8]) -> HeaderValue {
        let given = HeaderValue::from_bytes(given).unwrap();
        of(&HeaderMap::from_iter([(HEADER, given)]), &SystemEntropy).unwrap()
    }

    #[test]
    fn a_plain_id_is_kept_and_any_other_is_replaced() {
        assert_eq!(of_given(b"018f-abc_D.2:3"), "018f-abc_D.2:3");
        assert_eq!(of_given(&[b'a'; 64]), "a".repeat(64));
        for odd in [&b""[..], b"a b", b"a\"b", b"\xffx", &[b'a'; 65]] {
            assert_eq!(of_given(odd).len(), 32, "{odd:?}");
        }
        assert_eq!(of(&HeaderMap::new(), &SystemEntropy).unwrap().len(), 32);
    }
}
