//! Unpacking a body, never beyond a limit.

use std::borrow::Cow;
use std::io::Read;

use crate::store::Encoding;

/// A body cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is larger than the limit once unpacked.
    #[error("unpack the body: it has more than {0} bytes once unpacked")]
    TooLarge(usize),
    /// It is not packed the way it says.
    #[error("unpack the body: it is not {}: {reason}", encoding.name())]
    Broken {
        /// How it says it is packed.
        encoding: Encoding,
        /// What the unpacker said.
        reason: std::io::Error,
    },
    /// It is not text.
    #[error("read the body: it is not UTF-8 from byte {0} on")]
    NotUtf8(usize),
}

/// The text of `body`. Stops as soon as `bytes_max` is passed, so a small body that unpacks to a huge one
/// costs no more than the limit.
///
/// # Errors
/// [`UnpackError`].
pub fn unpack(
    encoding: Encoding,
    body: &[u8],
    bytes_max: usize,
) -> Result<Cow<'_, str>, UnpackError> {
    match encoding {
        Encoding::Identity if body.len() > bytes_max => Err(UnpackError::TooLarge(bytes_max)),
        Encoding::Identity => std::str::from_utf8(body)
            .map(Cow::Borrowed)
            .map_err(|error| UnpackError::NotUtf8(error.valid_up_to())),
        Encoding::Gzip => {
            let mut text = Vec::new();
            let limit = bytes_max as u64 + 1;
            flate2::read::MultiGzDecoder::new(body)
                .take(limit)
                .read_to_end(&mut text)
                .map_err(|reason| UnpackError::Broken { encoding, reason })?;
            if text.len() > bytes_max {
                return Err(UnpackError::TooLarge(bytes_max));
            }
            String::from_utf8(text)
                .map(Cow::Owned)
                .map_err(|error| UnpackError::NotUtf8(error.utf8_error().valid_up_to()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(text).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn a_packed_text_reads_back() {
        assert_eq!(unpack(Encoding::Gzip, &gzip(b"[1]"), 3).unwrap(), "[1]");
        assert_eq!(unpack(Encoding::Identity, b"[1]", 3).unwrap(), "[1]");
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = gzip(&vec![b' '; 4 << 20]);
        assert!(bomb.len() < 8 << 10);
        assert!(matches!(unpack(Encoding::Gzip, &bomb, 1 << 20), Err(UnpackError::TooLarge(_))));
    }

    #[test]
    fn a_broken_or_cut_body_is_told_from_a_large_one() {
        let mut cut = gzip(b"some text that is long enough");
        cut.truncate(cut.len() - 10);
        assert!(matches!(unpack(Encoding::Gzip, &cut, 99), Err(UnpackError::Broken { .. })));
        assert!(matches!(unpack(Encoding::Gzip, b"[1]", 99), Err(UnpackError::Broken { .. })));
        assert!(matches!(unpack(Encoding::Identity, b"[\xff]", 99), Err(UnpackError::NotUtf8(1))));
    }
}
