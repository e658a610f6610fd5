//! Ledgers in the database.
//!
//! The texts of a ledger with many ranges are in a table of their own, so that a payload that
//! changes none of them does not write them again.

use std::collections::{HashMap, HashSet};

use lamplight_wire::Producer;
use rusqlite::types::Type;
use rusqlite::{CachedStatement, Connection, Row, Statement, params};

use super::ledger_cache::LedgerCache;
use crate::store::apply::{LedgerKey, LedgerWrite, StoredLedger};
use crate::store::ledger::{Ledger, SHARED, Sums};
use crate::store::ledger_text::{read_dropped, read_received};
use crate::store::sqlite::file::columns::producer_bytes;

/// [`COLUMNS`], to build constants from.
macro_rules! columns {
    () => {
        "scope, source, next, forgotten, refused, first_heard_ms, last_heard_ms, made, received, \
         declared, missing, received_json, dropped_json"
    };
}
/// What [`header`] reads, in its order.
pub(crate) const COLUMNS: &str = columns!();
/// The ledgers of a producer, in the order of their scopes. Nearly all have one, so this searches
/// once where asking for two scopes would search twice.
const FIND: &str =
    concat!("SELECT ", columns!(), " FROM producers WHERE producer = ?1 ORDER BY scope");
/// The longest texts that are kept in a ledger's row, in bytes. Those of pages that lose nothing
/// take twenty.
pub(crate) const INLINE_BYTES_MAX: usize = 1_000;
/// How many bytes of texts one transaction reads. One payload is always applied.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most ledgers that are read for one producer. Each source has at most one.
const SCOPES_MAX: usize = 64;

const INSERT: &str = "INSERT INTO producers (producer, scope, source, next, made, received, declared, missing, forgotten, \
     refused, first_heard_ms, last_heard_ms, received_json, dropped_json) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
/// How many of the values that `UPDATE` has are in `INSERT`, too.
const INSERTED: usize = 14;
const UPDATE: &str = "UPDATE producers SET next = ?4, made = ?5, received = ?6, declared = ?7, missing = ?8, \
     forgotten = ?9, refused = ?10, first_heard_ms = ?11, last_heard_ms = ?12, received_json = ?13, dropped_json = ?14 \
     WHERE producer = ?1 AND scope = ?2 AND received = ?15";

/// The statements that write the row of a ledger.
struct Rows<'c> {
    insert: CachedStatement<'c>,
    update: CachedStatement<'c>,
}

/// Writes ledgers, and passes each to `written` with the bytes of its texts.
pub(crate) fn save(
    connection: &Connection,
    ledgers: &[LedgerWrite],
    mut written: impl FnMut(&LedgerWrite, usize),
) -> rusqlite::Result<()> {
    let (insert, update) = (connection.prepare_cached(INSERT)?, connection.prepare_cached(UPDATE)?);
    let mut rows = Rows { insert, update };
    for write in ledgers {
        let (producer, scope) = (producer_bytes(write.producer), write.ledger.scope());
        let was_long = write.text_bytes_before > INLINE_BYTES_MAX;
        if was_long && !write.has_new_ranges {
            rows.save(write, None)?;
            written(write, write.text_bytes_before);
            continue;
        }
        let texts = (write.ledger.received_json(), write.ledger.dropped_json());
        let text_bytes = texts.0.len() + texts.1.len();
        let is_long = text_bytes > INLINE_BYTES_MAX;
        if is_long {
            connection
                .prepare_cached(
                    "INSERT INTO long_ledgers (producer, scope, received_json, dropped_json) \
                     VALUES (?1, ?2, ?3, ?4) ON CONFLICT (producer, scope) DO UPDATE SET \
                     received_json = excluded.received_json, dropped_json = excluded.dropped_json",
                )?
                .execute(params![producer, scope, texts.0, texts.1])?;
        } else if was_long {
            delete_texts(connection, write.producer, scope)?;
        }
        rows.save(write, Some(texts).filter(|_| !is_long))?;
        written(write, text_bytes);
    }
    Ok(())
}

impl Rows<'_> {
    /// Fails if what was read before is not what is stored.
    fn save(
        &mut self,
        write: &LedgerWrite,
        texts: Option<(String, String)>,
    ) -> rusqlite::Result<()> {
        let LedgerWrite { producer, ledger, sums, .. } = write;
        let (received, dropped) = texts.unzip();
        let values = params![
            producer_bytes(*producer),
            ledger.scope(),
            ledger.source,
            ledger.next,
            sums.made,
            sums.received,
            sums.declared,
            sums.missing,
            ledger.forgotten,
            ledger.refused,
            ledger.first_heard_ms,
            ledger.last_heard_ms,
            received,
            dropped,
            write.received_before,
        ];
        let written = if write.is_new() {
            self.insert.execute(&values[..INSERTED])?
        } else {
            self.update.execute(values)?
        };
        if written == 1 { Ok(()) } else { Err(rusqlite::Error::StatementChangedRows(written)) }
    }
}

fn delete_texts(connection: &Connection, producer: Producer, scope: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM long_ledgers WHERE producer = ?1 AND scope = ?2")?
        .execute(params![producer_bytes(producer), scope])?;
    Ok(())
}

/// Deletes a ledger.
pub(crate) fn delete(
    connection: &Connection,
    producer: Producer,
    scope: &str,
) -> rusqlite::Result<()> {
    delete_texts(connection, producer, scope)?;
    connection
        .prepare_cached("DELETE FROM producers WHERE producer = ?1 AND scope = ?2")?
        .execute(params![producer_bytes(producer), scope])?;
    Ok(())
}

/// All ledgers of `producer`, or only those that count for `source`, in the order of their scopes.
pub(crate) fn of_producer(
    connection: &Connection,
    producer: Producer,
    source: Option<&str>,
) -> rusqlite::Result<Vec<StoredLedger>> {
    let mut find = connection.prepare_cached(FIND)?;
    if let Some(source) = source {
        let Found { shared, own } = Found::of(&mut find, producer, source)?;
        let found = [shared, own].into_iter().flatten();
        return found.map(|header| header.read(connection, producer)).collect();
    }
    let all = find
        .query_map([producer_bytes(producer)], |row| header(row, 0)?.read(connection, producer))?;
    all.take(SCOPES_MAX).collect()
}

/// The ledgers of a producer that count for a source.
struct Found {
    shared: Option<Header>,
    own: Option<Header>,
}

impl Found {
    /// Finds them with [`FIND`].
    fn of(find: &mut Statement<'_>, producer: Producer, source: &str) -> rusqlite::Result<Self> {
        let mut rows = find.query([producer_bytes(producer)])?;
        let mut found = Self { shared: None, own: None };
        while let Some(row) = rows.next()? {
            match row.get_ref(0)?.as_str()? {
                SHARED => found.shared = Some(header(row, 0)?),
                scope if scope == source => {
                    found.own = Some(header(row, 0)?);
                    break;
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

/// Ledgers with the keys that they are stored under.
pub(crate) type ReadLedgers<'a> = HashMap<LedgerKey<'a>, StoredLedger>;

/// Reads the ledgers that some plans need, given the keys that each needs, until they have too many
/// bytes for one transaction. Returns them, and for how many of the plans they suffice: at least
/// one.
pub(crate) fn read<'a>(
    connection: &Connection,
    cache: &mut LedgerCache,
    keys: impl Iterator<Item = Vec<LedgerKey<'a>>>,
) -> rusqlite::Result<(ReadLedgers<'a>, usize)> {
    let mut find = connection.prepare_cached(FIND)?;
    let (mut ledgers, mut asked) = (HashMap::new(), HashSet::new());
    let (mut bytes, mut plans) = (0, 0);
    for keys in keys {
        if bytes > BYTES_MAX {
            break;
        }
        for key in keys {
            if !asked.insert(key) {
                continue;
            }
            let LedgerKey { producer, scope } = key;
            if let Some(stored) = cache.take(producer, scope) {
                bytes += stored.text_bytes;
                ledgers.insert(key, stored);
                continue;
            }
            let Found { shared, own } = Found::of(&mut find, producer, scope)?;
            if let Some(header) = own.or(shared) {
                let stored = header.read(connection, producer)?;
                bytes += stored.text_bytes;
                let is_shared = stored.ledger.is_shared;
                ledgers.insert(if is_shared { LedgerKey::shared(producer) } else { key }, stored);
            }
        }
        plans += 1;
    }
    Ok((ledgers, plans))
}

/// A ledger's row, whose texts may be elsewhere.
pub(crate) struct Header {
    ledger: Ledger,
    pub(crate) scope: String,
    pub(crate) sums: Sums,
    texts: Option<(String, String)>,
}

/// Reads a ledger's row from [`COLUMNS`], which begin at column `at`.
pub(crate) fn header(row: &Row<'_>, at: usize) -> rusqlite::Result<Header> {
    let scope: String = row.get(at)?;
    let mut ledger = Ledger::new("", 0);
    (ledger.source, ledger.is_shared) = (row.get(at + 1)?, scope == SHARED);
    (ledger.next, ledger.forgotten) = (row.get(at + 2)?, row.get(at + 3)?);
    ledger.refused = row.get(at + 4)?;
    (ledger.first_heard_ms, ledger.last_heard_ms) = (row.get(at + 5)?, row.get(at + 6)?);
    let sums = Sums {
        made: row.get(at + 7)?,
        received: row.get(at + 8)?,
        declared: row.get(at + 9)?,
        missing: row.get(at + 10)?,
    };
    let (received, dropped): (Option<String>, Option<String>) =
        (row.get(at + 11)?, row.get(at + 12)?);
    Ok(Header { ledger, scope, sums, texts: received.zip(dropped) })
}

impl Header {
    /// The source of its first payload.
    pub(crate) fn source(&self) -> &str {
        &self.ledger.source
    }

    /// When its last payload was received, in milliseconds since 1970.
    pub(crate) fn last_heard_ms(&self) -> i64 {
        self.ledger.last_heard_ms
    }

    /// The whole ledger.
    pub(crate) fn read(
        self,
        connection: &Connection,
        producer: Producer,
    ) -> rusqlite::Result<StoredLedger> {
        let Self { mut ledger, scope, sums, texts } = self;
        let (received, dropped) = match texts {
            Some(texts) => texts,
            None => connection
                .prepare_cached(
                    "SELECT received_json, dropped_json FROM long_ledgers \
                     WHERE producer = ?1 AND scope = ?2",
                )?
                .query_row(params![producer_bytes(producer), scope], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?,
        };
        let wrong = |error: serde_json::Error| {
            rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
        };
        let text_bytes = received.len() + dropped.len();
        ledger.received = read_received(&received).map_err(wrong)?;
        ledger.dropped = read_dropped(&dropped).map_err(wrong)?;
        Ok(StoredLedger { ledger, sums, text_bytes })
    }
}
