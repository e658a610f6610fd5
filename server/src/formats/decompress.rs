//! Unpacking a body, never beyond a limit.
//!
//! Every unpacker is a stream that is read until the limit is passed, so a small body that unpacks to a huge one costs
//! no more than the limit. Several gzip members or zstd frames one after the other are one body, as their
//! formats say; anything else after the end is an error, because it would be lost silently.

use std::borrow::Cow;
use std::io::{self, Read};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use crate::store::Encoding;

/// Most memory that a zstd frame may ask for to look back into, as a power of two: 8 MiB, which every
/// decoder has to support (RFC 8878, section 3.1.1.1.2), and more than a whole body may have.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// First guess of how much more a body is once unpacked, which saves growing the text many times.
const RATIO_GUESS: usize = 4;

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
        reason: io::Error,
    },
    /// It is not text.
    #[error("read the body: it is not UTF-8 from byte {0} on")]
    NotUtf8(usize),
}

/// The text of `body`. Stops as soon as `bytes_max` is passed.
///
/// # Errors
/// [`UnpackError`].
pub fn unpack(
    encoding: Encoding,
    body: &[u8],
    bytes_max: usize,
) -> Result<Cow<'_, str>, UnpackError> {
    let broken = |reason| UnpackError::Broken { encoding, reason };
    let bytes = match encoding {
        Encoding::Identity if body.len() > bytes_max => {
            return Err(UnpackError::TooLarge(bytes_max));
        }
        Encoding::Identity => {
            return std::str::from_utf8(body)
                .map(Cow::Borrowed)
                .map_err(|error| UnpackError::NotUtf8(error.valid_up_to()));
        }
        Encoding::Gzip => {
            read_to(flate2::bufread::MultiGzDecoder::new(body), body.len(), bytes_max)
        }
        Encoding::Brotli => read_brotli(body, bytes_max),
        Encoding::Zstd => read_zstd(body, bytes_max),
    };
    let bytes = bytes.map_err(broken)?;
    if bytes.len() > bytes_max {
        return Err(UnpackError::TooLarge(bytes_max));
    }
    String::from_utf8(bytes)
        .map(Cow::Owned)
        .map_err(|error| UnpackError::NotUtf8(error.utf8_error().valid_up_to()))
}

/// Reads `unpacker` to its end, or to one byte beyond `bytes_max`.
fn read_to(unpacker: impl Read, packed_bytes: usize, bytes_max: usize) -> io::Result<Vec<u8>> {
    let guess = packed_bytes.saturating_mul(RATIO_GUESS).min(bytes_max) + 1;
    let mut bytes = Vec::with_capacity(guess);
    unpacker.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Not through the crate's own reader, which takes "large window" streams that ask for up to a gibibyte at once; those
/// of the format itself (RFC 7932) ask for 16 MiB at most.
fn read_brotli(body: &[u8], bytes_max: usize) -> io::Result<Vec<u8>> {
    let broken = |why| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    let room = |packed: usize| packed.saturating_mul(RATIO_GUESS).min(bytes_max) + 1;
    let mut state = BrotliState::new_strict(
        StandardAlloc::default(),
        StandardAlloc::default(),
        StandardAlloc::default(),
    );
    let (mut left, mut read, mut written, mut total) = (body.len(), 0, 0, 0);
    let mut bytes = vec![0; room(body.len())];
    loop {
        let mut free = bytes.len() - written;
        let result = BrotliDecompressStream(
            &mut left,
            &mut read,
            body,
            &mut free,
            &mut written,
            &mut bytes,
            &mut total,
            &mut state,
        );
        match result {
            BrotliResult::ResultSuccess if left > 0 => return broken("more follows its end"),
            BrotliResult::NeedsMoreInput => return broken("it ends too early"),
            BrotliResult::ResultFailure => return broken("its stream is corrupt"),
            BrotliResult::NeedsMoreOutput if bytes.len() <= bytes_max => {
                let more = bytes.len().min(bytes_max + 1 - bytes.len());
                bytes.resize(bytes.len() + more, 0);
            }
            BrotliResult::ResultSuccess | BrotliResult::NeedsMoreOutput => {
                bytes.truncate(written);
                return Ok(bytes);
            }
        }
    }
}

fn read_zstd(body: &[u8], bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut unpacker = zstd::stream::read::Decoder::with_buffer(body)?;
    unpacker.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    read_to(unpacker, body.len(), bytes_max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const PACKED: [Encoding; 3] = [Encoding::Gzip, Encoding::Brotli, Encoding::Zstd];

    fn pack(encoding: Encoding, text: &[u8]) -> Vec<u8> {
        match encoding {
            Encoding::Identity => text.to_vec(),
            Encoding::Gzip => {
                let level = flate2::Compression::best();
                let mut packer = flate2::write::GzEncoder::new(Vec::new(), level);
                packer.write_all(text).unwrap();
                packer.finish().unwrap()
            }
            Encoding::Brotli => {
                let mut packed = Vec::new();
                brotli::CompressorWriter::new(&mut packed, 4096, 5, 22).write_all(text).unwrap();
                packed
            }
            Encoding::Zstd => zstd::stream::encode_all(text, 3).unwrap(),
        }
    }

    #[test]
    fn a_packed_text_reads_back_however_it_is_packed() {
        for encoding in PACKED.into_iter().chain([Encoding::Identity]) {
            assert_eq!(unpack(encoding, &pack(encoding, b"[1]"), 3).unwrap(), "[1]");
            let long = "0123456789".repeat(100_000);
            let packed = pack(encoding, long.as_bytes());
            assert_eq!(unpack(encoding, &packed, 1_000_000).unwrap(), long, "{encoding:?}");
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        for encoding in PACKED {
            let bomb = pack(encoding, &vec![b' '; 64 << 20]);
            assert!(bomb.len() < 100 << 10, "{encoding:?}: {}", bomb.len());
            let unpacked = unpack(encoding, &bomb, 1 << 20);
            assert!(matches!(unpacked, Err(UnpackError::TooLarge(_))), "{encoding:?}");
        }
    }

    #[test]
    fn the_limit_is_exact() {
        for encoding in PACKED.into_iter().chain([Encoding::Identity]) {
            let packed = pack(encoding, &[b' '; 1000]);
            assert_eq!(unpack(encoding, &packed, 1000).unwrap().len(), 1000);
            let over = unpack(encoding, &packed, 999);
            assert!(matches!(over, Err(UnpackError::TooLarge(999))), "{encoding:?}");
        }
    }

    #[test]
    fn a_broken_or_cut_body_is_told_from_a_large_one() {
        let text: Vec<u8> = (0..20_000_u32).map(|at| b'a' + (at * at % 23) as u8).collect();
        for encoding in PACKED {
            let whole = pack(encoding, &text);
            for cut in [1, whole.len() / 2, whole.len() - 1] {
                let unpacked = unpack(encoding, &whole[..cut], 1 << 20);
                assert!(matches!(unpacked, Err(UnpackError::Broken { .. })), "{encoding:?} {cut}");
            }
            let unpacked = unpack(encoding, b"[1]", 99);
            assert!(matches!(unpacked, Err(UnpackError::Broken { .. })), "{encoding:?}");
        }
        assert!(matches!(unpack(Encoding::Identity, b"[\xff]", 99), Err(UnpackError::NotUtf8(1))));
    }

    #[test]
    fn several_members_or_frames_are_one_body() {
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            let packed = [pack(encoding, b"[1,"), pack(encoding, b"2]")].concat();
            assert_eq!(unpack(encoding, &packed, 99).unwrap(), "[1,2]", "{encoding:?}");
            let bombs = pack(encoding, &vec![b' '; 1 << 16]).repeat(64);
            let unpacked = unpack(encoding, &bombs, 1 << 20);
            assert!(matches!(unpacked, Err(UnpackError::TooLarge(_))), "{encoding:?}");
        }
    }

    #[test]
    fn what_follows_the_end_is_not_lost_silently() {
        for encoding in PACKED {
            for tail in [&b"x"[..], b"[1]", &[0; 9], &[b'x'; 8192]] {
                let packed = [&pack(encoding, b"[1]"), tail].concat();
                let unpacked = unpack(encoding, &packed, 99);
                assert!(
                    matches!(unpacked, Err(UnpackError::Broken { .. })),
                    "{encoding:?} {tail:?}: {unpacked:?}"
                );
            }
        }
    }

    #[test]
    fn a_frame_that_asks_for_a_huge_window_gets_none() {
        let mut packer = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        packer.window_log(27).unwrap();
        packer.write_all(&[b' '; 1000]).unwrap();
        let frame = packer.finish().unwrap();
        let unpacked = unpack(Encoding::Zstd, &frame, 1 << 20);
        assert!(matches!(unpacked, Err(UnpackError::Broken { .. })), "{unpacked:?}");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_unpack_within_the_limit_or_fail(bytes: Vec<u8>) {
            for encoding in PACKED {
                if let Ok(text) = unpack(encoding, &bytes, 4096) {
                    proptest::prop_assert!(text.len() <= 4096);
                }
            }
        }
    }
}
