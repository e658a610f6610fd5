//! Bodies as `payloads` keeps them. One that arrived without compression is compressed, because
//! answers wait for the disk: compressing takes less time than writing what it saves.

use std::cell::RefCell;

use bytes::Bytes;
use rusqlite::Row;
use rusqlite::types::ToSqlOutput;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::get_frame_content_size;

use crate::store::Encoding;
use crate::store::moving::{Row as Values, Value};
use crate::store::sqlite::file::columns::column_error;

/// The `encoding` of a body that arrived without compression and is kept compressed.
const COMPRESSED: &str = "identity+zstd";
/// Of ten events with 400 bytes each, it makes 1.2 kB in 4 µs. Level 1 makes 0.8 kB in 8 µs.
const LEVEL: i32 = -3;
/// Smaller bodies are kept as they are: they share their page with others.
const BYTES_MIN: usize = 1_024;
/// A body that says that it has more bytes is damaged. None that a server takes has as many.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Where a row has its encoding, and where its body.
const ENCODING: usize = 4;
const BODY: usize = 10;

thread_local! {
    // Making one takes longer than what it does for one body.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// A body as it is kept.
#[derive(Debug)]
pub(super) struct KeptBody {
    /// The column `encoding`.
    pub(super) encoding: &'static str,
    /// The column `body`.
    pub(super) bytes: Bytes,
}

impl KeptBody {
    /// The body of a payload that arrived in this encoding.
    pub(super) fn of(encoding: Encoding, body: Bytes) -> Self {
        let compressed = if encoding == Encoding::Identity { compress(&body) } else { None };
        match compressed {
            Some(bytes) => Self { encoding: COMPRESSED, bytes: bytes.into() },
            None => Self { encoding: encoding.name(), bytes: body },
        }
    }
}

/// The body in a smaller form, if there is one.
fn compress(body: &[u8]) -> Option<Vec<u8>> {
    if body.len() < BYTES_MIN {
        return None;
    }
    let compressed = COMPRESSOR.with_borrow_mut(|kept| {
        let mut compressor = kept.take().or_else(|| Compressor::new(LEVEL).ok())?;
        // A compressor that failed is not used again.
        let mut compressed = compressor.compress(body).ok()?;
        *kept = Some(compressor);
        // It has room for the whole body, and only its length counts while it waits.
        compressed.shrink_to_fit();
        Some(compressed)
    });
    compressed.filter(|compressed| compressed.len() < body.len() / 4 * 3)
}

/// The encoding that a body arrived in.
pub(super) fn encoding(kept: &str) -> Option<Encoding> {
    if kept == COMPRESSED { Some(Encoding::Identity) } else { Encoding::from_name(kept) }
}

/// The body as it arrived, from a row whose column 4 is `encoding` and whose column 10 is `body`. A
/// damaged one is given as it is kept: it then fails alone, and not with all that are read with it.
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Bytes> {
    let bytes = row.get_ref(BODY)?.as_blob()?;
    let is_compressed = row.get_ref(ENCODING)?.as_str()? == COMPRESSED;
    let body = if is_compressed { decompress(bytes) } else { None };
    Ok(body.map_or_else(|| Bytes::copy_from_slice(bytes), Bytes::from))
}

/// Makes a row of these columns what it would be if its body were kept as it arrived. Fails if the
/// body is damaged.
pub(crate) fn decompress_row(row: &mut Values) -> rusqlite::Result<()> {
    let [_, _, _, _, Value::Text(encoding), .., Value::Bytes(body)] = row.as_mut_slice() else {
        return Ok(());
    };
    if encoding == COMPRESSED {
        *body = decompress(body).ok_or_else(|| column_error(BODY, "body"))?;
        Encoding::Identity.name().clone_into(encoding);
    }
    Ok(())
}

/// Changes what is written of such a row, if its body becomes smaller.
pub(crate) fn compress_row(row: &Values, written: &mut [ToSqlOutput<'_>]) {
    let [_, _, _, _, Value::Text(encoding), .., Value::Bytes(body)] = row.as_slice() else {
        return;
    };
    if encoding == Encoding::Identity.name()
        && let [_, _, _, _, encoding, .., bytes] = written
        && let Some(compressed) = compress(body)
    {
        (*encoding, *bytes) = (COMPRESSED.into(), compressed.into());
    }
}

fn decompress(bytes: &[u8]) -> Option<Vec<u8>> {
    let size = get_frame_content_size(bytes).ok()??;
    let size = usize::try_from(size).ok().filter(|_| size <= BYTES_MAX)?;
    DECOMPRESSOR.with_borrow_mut(|kept| {
        let mut decompressor = kept.take().or_else(|| Decompressor::new().ok())?;
        let body = decompressor.decompress(bytes, size).ok()?;
        *kept = Some(decompressor);
        Some(body)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::types::Null;
    use rusqlite::{Connection, params};

    use super::*;

    const EVENTS: &str = r#"[{"name":"page","properties":{"path":"/products"}},"#;

    /// What is read of a row with these columns.
    fn read_back(encoding: &str, bytes: &[u8]) -> rusqlite::Result<Bytes> {
        let connection = Connection::open_in_memory().unwrap();
        let sql = "SELECT 0, 1, 2, 3, ?1, 5, 6, 7, 8, 9, ?2";
        connection.query_row(sql, params![encoding, bytes], super::read)
    }

    fn kept(body: &str) -> KeptBody {
        KeptBody::of(Encoding::Identity, Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn events_take_less_room() {
        let body = EVENTS.repeat(100);
        let kept = kept(&body);
        assert_eq!(kept.encoding, COMPRESSED);
        assert!(kept.bytes.len() < body.len() / 4, "{} bytes", kept.bytes.len());
        assert_eq!(encoding(kept.encoding), Some(Encoding::Identity));
        let compressed = compress(body.as_bytes()).unwrap();
        assert!(compressed.capacity() <= 2 * compressed.len(), "{} bytes", compressed.capacity());
        assert_eq!(read_back(kept.encoding, &kept.bytes).unwrap(), body);
    }

    #[test]
    fn what_would_not_become_smaller_is_kept_as_it_is() {
        for encoding in [Encoding::Gzip, Encoding::Brotli, Encoding::Zstd] {
            let body = Bytes::from(EVENTS.repeat(100));
            let kept = KeptBody::of(encoding, body.clone());
            assert_eq!((kept.encoding, kept.bytes), (encoding.name(), body));
        }
        assert_eq!(kept(EVENTS).encoding, "identity");
    }

    #[test]
    fn a_damaged_body_is_read_as_it_is_kept() {
        let kept = kept(&EVENTS.repeat(100));
        let too_large =
            [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        for damaged in [&b""[..], b"x", &kept.bytes[..20], &kept.bytes[1..], &too_large] {
            assert_eq!(read_back(kept.encoding, damaged).unwrap(), damaged);
        }
        // The next one is read all the same.
        assert_eq!(read_back(kept.encoding, &kept.bytes).unwrap(), EVENTS.repeat(100));
    }

    #[test]
    fn a_row_moves_with_its_body_as_it_arrived_and_is_compressed_again() {
        let body = EVENTS.repeat(100);
        let kept = kept(&body);
        let row = |encoding: &str, bytes: &[u8]| {
            let mut row = vec![Value::Null; BODY + 1];
            row[ENCODING] = Value::Text(encoding.to_owned());
            row[BODY] = Value::Bytes(bytes.to_vec());
            row
        };
        let mut moved = row(kept.encoding, &kept.bytes);
        decompress_row(&mut moved).unwrap();
        assert_eq!(moved, row("identity", body.as_bytes()));
        let mut as_it_is = row("gzip", b"1");
        decompress_row(&mut as_it_is).unwrap();
        assert_eq!(as_it_is, row("gzip", b"1"));
        assert!(decompress_row(&mut row(kept.encoding, b"1")).is_err());
        for (row, expected) in
            [(moved, ToSqlOutput::from(kept.bytes.to_vec())), (as_it_is, ToSqlOutput::from(Null))]
        {
            let mut written = vec![ToSqlOutput::from(Null); BODY + 1];
            compress_row(&row, &mut written);
            assert_eq!(written[BODY], expected);
        }
    }

    proptest! {
        #[test]
        fn every_body_comes_back_as_it_arrived(
            part in "\\PC{1,60}",
            times in 1usize..200,
            noise in proptest::collection::vec(any::<u8>(), 0..3_000),
        ) {
            let mut body = part.repeat(times).into_bytes();
            body.extend(noise);
            let kept = KeptBody::of(Encoding::Identity, Bytes::from(body.clone()));
            prop_assert!(kept.bytes.len() <= body.len());
            prop_assert_eq!(read_back(kept.encoding, &kept.bytes).unwrap(), body);
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_back(COMPRESSED, &bytes);
        }
    }
}
