//! When a certificate is valid (RFC 5280, section 4.1.2.5), to warn before it expires. Whether a
//! certificate is trusted is decided by clients.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
/// `[0]`, which holds the version.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The time in which a certificate is valid, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
}

/// The validity of a certificate in DER. `None` if it cannot be read.
pub(super) fn validity(certificate: &[u8]) -> Option<Validity> {
    let (certificate, _) = tagged(certificate, SEQUENCE)?;
    let (mut rest, _) = tagged(certificate, SEQUENCE)?;
    if let Some((_, after)) = tagged(rest, VERSION) {
        rest = after;
    }
    // The serial number, the algorithm of the signature, and the issuer.
    for _ in 0..3 {
        (_, _, rest) = element(rest)?;
    }
    let (validity, _) = tagged(rest, SEQUENCE)?;
    let (tag, from, rest) = element(validity)?;
    let from_ms = time_ms(tag, from)?;
    let (tag, to, _) = element(rest)?;
    Some(Validity { from_ms, to_ms: time_ms(tag, to)? })
}

/// The content of the first element, which has this tag, and what follows it.
fn tagged(der: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = element(der)?;
    (tag == wanted).then_some((content, rest))
}

/// The tag and the content of the first element, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        ..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| (length << 8) | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn time_ms(tag: u8, text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let text = match tag {
        GENERALIZED_TIME => text.to_owned(),
        // Two digits of the year are from 1950 to 2049.
        UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn made(from_year: i32, to_year: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(["a.example".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from_year, 2, 3);
        params.not_after = date_time_ymd(to_year, 2, 3);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn both_forms_of_a_time_are_read() {
        // 2050 and later have four digits.
        let read = validity(&made(2021, 2051)).unwrap();
        assert_eq!(read.from_ms, 1_612_310_400_000);
        assert_eq!(read.to_ms, 2_558_995_200_000);
        assert_eq!(validity(&made(1970, 2049)).unwrap().from_ms, 33 * 86_400_000);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd_to_look_at(bytes: Vec<u8>, cut in 0..600_usize, at in 0..600_usize, byte: u8) {
            let _ = validity(&bytes);
            let mut damaged = made(2021, 2051);
            let at = at % damaged.len();
            damaged[at] = byte;
            damaged.truncate(cut.max(1));
            let _ = validity(&damaged);
        }
    }
}
