//! Decompresses a request body, never beyond a limit.
//!
//! Each decoder is a stream that is read until the limit is passed, so a small body that
//! decompresses to a huge one takes no more memory than the limit. Several gzip members or zstd
//! frames in sequence are one body, as their formats say. Other bytes after the end are an error,
//! because they would be lost silently.

use std::borrow::Cow;
use std::io::{self, Read};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use crate::store::Encoding;

/// Largest window that a zstd frame may ask for, as a power of two: 8 MiB. Every decoder must
/// support that much (RFC 8878, section 3.1.1.1.2), and a decompressed body may not be larger.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// First guess of the compression ratio. A good guess saves growing the buffer many times.
const RATIO_GUESS: usize = 4;

/// A body cannot be decompressed.
#[derive(Debug, thiserror::Error)]
pub enum DecompressError {
    /// It is larger than the limit, which is given in bytes.
    #[error("decompress the body: it is larger than {0} bytes")]
    TooLarge(usize),
    /// It is not compressed with the declared encoding, or is incomplete.
    #[error("decompress the body: it is not valid {}: {reason}", encoding.name())]
    Invalid {
        /// The declared encoding.
        encoding: Encoding,
        /// The decoder's error.
        reason: io::Error,
    },
    /// It is not UTF-8 text. Contains the offset of the first invalid byte.
    #[error("read the body: it is not UTF-8, and the first invalid byte is at offset {0}")]
    NotUtf8(usize),
}

/// The text of `body`. Stops as soon as `bytes_max` is passed.
///
/// # Errors
/// [`DecompressError`].
pub fn decompress(
    encoding: Encoding,
    body: &[u8],
    bytes_max: usize,
) -> Result<Cow<'_, str>, DecompressError> {
    let invalid = |reason| DecompressError::Invalid { encoding, reason };
    let bytes = match encoding {
        Encoding::Identity if body.len() > bytes_max => {
            return Err(DecompressError::TooLarge(bytes_max));
        }
        Encoding::Identity => {
            return std::str::from_utf8(body)
                .map(Cow::Borrowed)
                .map_err(|error| DecompressError::NotUtf8(error.valid_up_to()));
        }
        Encoding::Gzip => {
            read_to(flate2::bufread::MultiGzDecoder::new(body), body.len(), bytes_max)
        }
        Encoding::Brotli => read_brotli(body, bytes_max),
        Encoding::Zstd => read_zstd(body, bytes_max),
    };
    let bytes = bytes.map_err(invalid)?;
    if bytes.len() > bytes_max {
        return Err(DecompressError::TooLarge(bytes_max));
    }
    String::from_utf8(bytes)
        .map(Cow::Owned)
        .map_err(|error| DecompressError::NotUtf8(error.utf8_error().valid_up_to()))
}

/// Reads `decoder` to its end, or to one byte beyond `bytes_max`.
fn read_to(decoder: impl Read, compressed_bytes: usize, bytes_max: usize) -> io::Result<Vec<u8>> {
    let guess = compressed_bytes.saturating_mul(RATIO_GUESS).min(bytes_max) + 1;
    let mut bytes = Vec::with_capacity(guess);
    decoder.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Does not use the crate's own reader, because that accepts "large window" streams, which may ask
/// for a gibibyte at once. Streams of the format itself (RFC 7932) ask for at most 16 MiB.
fn read_brotli(body: &[u8], bytes_max: usize) -> io::Result<Vec<u8>> {
    let invalid = |why| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    let guess = body.len().saturating_mul(RATIO_GUESS).min(bytes_max) + 1;
    let mut state = BrotliState::new_strict(
        StandardAlloc::default(),
        StandardAlloc::default(),
        StandardAlloc::default(),
    );
    let (mut left, mut read, mut written, mut total) = (body.len(), 0, 0, 0);
    let mut bytes = vec![0; guess];
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
            BrotliResult::ResultSuccess if left > 0 => {
                return invalid("there are bytes after its end");
            }
            BrotliResult::NeedsMoreInput => return invalid("it is incomplete"),
            BrotliResult::ResultFailure => return invalid("it is corrupt"),
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
    let mut decoder = zstd::stream::read::Decoder::with_buffer(body)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    read_to(decoder, body.len(), bytes_max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const COMPRESSED: [Encoding; 3] = [Encoding::Gzip, Encoding::Brotli, Encoding::Zstd];

    fn compress(encoding: Encoding, text: &[u8]) -> Vec<u8> {
        match encoding {
            Encoding::Identity => text.to_vec(),
            Encoding::Gzip => {
                let level = flate2::Compression::best();
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            Encoding::Brotli => {
                let mut compressed = Vec::new();
                brotli::CompressorWriter::new(&mut compressed, 4096, 5, 22)
                    .write_all(text)
                    .unwrap();
                compressed
            }
            Encoding::Zstd => zstd::stream::encode_all(text, 3).unwrap(),
        }
    }

    #[test]
    fn a_compressed_text_reads_back_in_every_encoding() {
        for encoding in COMPRESSED.into_iter().chain([Encoding::Identity]) {
            assert_eq!(decompress(encoding, &compress(encoding, b"[1]"), 3).unwrap(), "[1]");
            let long = "0123456789".repeat(100_000);
            let compressed = compress(encoding, long.as_bytes());
            assert_eq!(decompress(encoding, &compressed, 1_000_000).unwrap(), long, "{encoding:?}");
        }
    }

    #[test]
    fn a_decompression_bomb_stops_at_the_limit() {
        for encoding in COMPRESSED {
            let bomb = compress(encoding, &vec![b' '; 64 << 20]);
            assert!(bomb.len() < 100 << 10, "{encoding:?}: {}", bomb.len());
            let result = decompress(encoding, &bomb, 1 << 20);
            assert!(matches!(result, Err(DecompressError::TooLarge(_))), "{encoding:?}");
        }
    }

    #[test]
    fn the_limit_is_exact() {
        for encoding in COMPRESSED.into_iter().chain([Encoding::Identity]) {
            let compressed = compress(encoding, &[b' '; 1000]);
            assert_eq!(decompress(encoding, &compressed, 1000).unwrap().len(), 1000);
            let over = decompress(encoding, &compressed, 999);
            assert!(matches!(over, Err(DecompressError::TooLarge(999))), "{encoding:?}");
        }
    }

    #[test]
    fn an_invalid_or_incomplete_body_is_not_reported_as_too_large() {
        let text: Vec<u8> = (0..20_000_u32).map(|at| b'a' + (at * at % 23) as u8).collect();
        for encoding in COMPRESSED {
            let whole = compress(encoding, &text);
            for cut in [1, whole.len() / 2, whole.len() - 1] {
                let result = decompress(encoding, &whole[..cut], 1 << 20);
                assert!(
                    matches!(result, Err(DecompressError::Invalid { .. })),
                    "{encoding:?} {cut}"
                );
            }
            let result = decompress(encoding, b"[1]", 99);
            assert!(matches!(result, Err(DecompressError::Invalid { .. })), "{encoding:?}");
        }
        assert!(matches!(
            decompress(Encoding::Identity, b"[\xff]", 99),
            Err(DecompressError::NotUtf8(1))
        ));
    }

    #[test]
    fn several_members_or_frames_are_one_body() {
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            let compressed = [compress(encoding, b"[1,"), compress(encoding, b"2]")].concat();
            assert_eq!(decompress(encoding, &compressed, 99).unwrap(), "[1,2]", "{encoding:?}");
            let bombs = compress(encoding, &vec![b' '; 1 << 16]).repeat(64);
            let result = decompress(encoding, &bombs, 1 << 20);
            assert!(matches!(result, Err(DecompressError::TooLarge(_))), "{encoding:?}");
        }
    }

    #[test]
    fn bytes_after_the_end_are_an_error() {
        for encoding in COMPRESSED {
            for tail in [&b"x"[..], b"[1]", &[0; 9], &[b'x'; 8192]] {
                let compressed = [&compress(encoding, b"[1]"), tail].concat();
                let result = decompress(encoding, &compressed, 99);
                assert!(
                    matches!(result, Err(DecompressError::Invalid { .. })),
                    "{encoding:?} {tail:?}: {result:?}"
                );
            }
        }
    }

    #[test]
    fn a_frame_that_asks_for_a_huge_window_is_an_error() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(27).unwrap();
        encoder.write_all(&[b' '; 1000]).unwrap();
        let frame = encoder.finish().unwrap();
        let result = decompress(Encoding::Zstd, &frame, 1 << 20);
        assert!(matches!(result, Err(DecompressError::Invalid { .. })), "{result:?}");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_decompress_within_the_limit_or_fail(bytes: Vec<u8>) {
            for encoding in COMPRESSED {
                if let Ok(text) = decompress(encoding, &bytes, 4096) {
                    proptest::prop_assert!(text.len() <= 4096);
                }
            }
        }
    }
}
