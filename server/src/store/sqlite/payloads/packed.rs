//! Bodies as `payloads` keeps them. One that arrived without compression is compressed: answers wait
//! for the disk, and a third of the bytes is written in less time than compressing them takes.

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
const PACKED: &str = "identity+zstd";
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
pub(super) struct PackedBody {
    /// The column `encoding`.
    pub(super) encoding: &'static str,
    /// The column `body`.
    pub(super) bytes: Bytes,
}

impl PackedBody {
    /// Packs a body that arrived in this encoding.
    pub(super) fn of(encoding: Encoding, body: Bytes) -> Self {
        let packed = if encoding == Encoding::Identity { compress(&body) } else { None };
        match packed {
            Some(bytes) => Self { encoding: PACKED, bytes: bytes.into() },
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
        let compressed = compressor.compress(body).ok()?;
        *kept = Some(compressor);
        Some(compressed)
    });
    compressed.filter(|compressed| compressed.len() < body.len() / 4 * 3)
}

/// The encoding that a body arrived in.
pub(super) fn encoding(kept: &str) -> Option<Encoding> {
    if kept == PACKED { Some(Encoding::Identity) } else { Encoding::from_name(kept) }
}

/// The body as it arrived, from a row whose column 4 is `encoding` and whose column 10 is `body`.
pub(super) fn body(row: &Row<'_>) -> rusqlite::Result<Bytes> {
    let bytes = row.get_ref(BODY)?.as_blob()?;
    if row.get_ref(ENCODING)?.as_str()? != PACKED {
        return Ok(Bytes::copy_from_slice(bytes));
    }
    decompress(bytes).map(Bytes::from).ok_or_else(|| column_error(BODY, "body"))
}

/// Makes a row of these columns what it would be if its body were kept as it arrived.
pub(crate) fn unpack(row: &mut Values) -> rusqlite::Result<()> {
    let [_, _, _, _, Value::Text(encoding), .., Value::Bytes(body)] = row.as_mut_slice() else {
        return Ok(());
    };
    if encoding == PACKED {
        *body = decompress(body).ok_or_else(|| column_error(BODY, "body"))?;
        Encoding::Identity.name().clone_into(encoding);
    }
    Ok(())
}

/// Changes what is written of such a row, if its body becomes smaller.
pub(crate) fn pack(row: &Values, written: &mut [ToSqlOutput<'_>]) {
    let [_, _, _, _, Value::Text(encoding), .., Value::Bytes(body)] = row.as_slice() else {
        return;
    };
    if encoding == Encoding::Identity.name()
        && let [_, _, _, _, encoding, .., bytes] = written
        && let Some(packed) = compress(body)
    {
        (*encoding, *bytes) = (PACKED.into(), packed.into());
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
    fn read(encoding: &str, bytes: &[u8]) -> rusqlite::Result<Bytes> {
        let connection = Connection::open_in_memory().unwrap();
        let sql = "SELECT 0, 1, 2, 3, ?1, 5, 6, 7, 8, 9, ?2";
        connection.query_row(sql, params![encoding, bytes], body)
    }

    fn packed(body: &str) -> PackedBody {
        PackedBody::of(Encoding::Identity, Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn events_take_less_room() {
        let body = EVENTS.repeat(100);
        let kept = packed(&body);
        assert_eq!(kept.encoding, PACKED);
        assert!(kept.bytes.len() < body.len() / 4, "{} bytes", kept.bytes.len());
        assert_eq!(encoding(kept.encoding), Some(Encoding::Identity));
        assert_eq!(read(kept.encoding, &kept.bytes).unwrap(), body);
    }

    #[test]
    fn what_would_not_become_smaller_is_kept_as_it_is() {
        for encoding in [Encoding::Gzip, Encoding::Brotli, Encoding::Zstd] {
            let body = Bytes::from(EVENTS.repeat(100));
            let kept = PackedBody::of(encoding, body.clone());
            assert_eq!((kept.encoding, kept.bytes), (encoding.name(), body));
        }
        assert_eq!(packed(EVENTS).encoding, "identity");
    }

    #[test]
    fn a_damaged_body_is_an_error() {
        let kept = packed(&EVENTS.repeat(100));
        let too_large =
            [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        for damaged in [&b""[..], b"x", &kept.bytes[..20], &kept.bytes[1..], &too_large] {
            let error = read(kept.encoding, damaged).expect_err("it is damaged");
            assert!(error.to_string().contains("body"), "{error}");
        }
        // The next one is read all the same.
        assert!(read(kept.encoding, &kept.bytes).is_ok());
    }

    #[test]
    fn a_row_moves_with_its_body_as_it_arrived_and_is_packed_again() {
        let body = EVENTS.repeat(100);
        let kept = packed(&body);
        let row = |encoding: &str, bytes: &[u8]| {
            let mut row = vec![Value::Null; BODY + 1];
            row[ENCODING] = Value::Text(encoding.to_owned());
            row[BODY] = Value::Bytes(bytes.to_vec());
            row
        };
        let mut moved = row(kept.encoding, &kept.bytes);
        unpack(&mut moved).unwrap();
        assert_eq!(moved, row("identity", body.as_bytes()));
        let mut as_it_is = row("gzip", b"1");
        unpack(&mut as_it_is).unwrap();
        assert_eq!(as_it_is, row("gzip", b"1"));
        assert!(unpack(&mut row(kept.encoding, b"1")).is_err());
        for (row, expected) in
            [(moved, ToSqlOutput::from(kept.bytes.to_vec())), (as_it_is, ToSqlOutput::from(Null))]
        {
            let mut written = vec![ToSqlOutput::from(Null); BODY + 1];
            pack(&row, &mut written);
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
            let kept = PackedBody::of(Encoding::Identity, Bytes::from(body.clone()));
            prop_assert!(kept.bytes.len() <= body.len());
            prop_assert_eq!(read(kept.encoding, &kept.bytes).unwrap(), body);
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(PACKED, &bytes);
        }
    }
}
