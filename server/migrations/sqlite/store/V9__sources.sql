-- Producers and ids count within a source, so that a public key of one source changes nothing in another.
--
-- A ledger's scope is its source. Those of earlier versions counted for all sources: their scope is empty, and they
-- stay what decides about the numbers of their producers. Texts of more than 1,000 bytes are in `long_ledgers`, so that
-- touching a ledger does not write them again.
CREATE TABLE scoped_producers (
  producer       BLOB    NOT NULL,
  scope          TEXT    NOT NULL,
  source         TEXT    NOT NULL,
  next           INTEGER NOT NULL,
  made           INTEGER NOT NULL,
  received       INTEGER NOT NULL,
  declared       INTEGER NOT NULL,
  missing        INTEGER NOT NULL,
  forgotten      INTEGER NOT NULL DEFAULT 0,
  refused        INTEGER NOT NULL DEFAULT 0,
  first_heard_ms INTEGER NOT NULL,
  last_heard_ms  INTEGER NOT NULL,
  received_json  TEXT,
  dropped_json   TEXT,
  PRIMARY KEY (producer, scope)
) STRICT, WITHOUT ROWID;
CREATE TABLE long_ledgers (
  producer       BLOB    NOT NULL,
  scope          TEXT    NOT NULL,
  received_json  TEXT    NOT NULL,
  dropped_json   TEXT    NOT NULL,
  PRIMARY KEY (producer, scope)
) STRICT, WITHOUT ROWID;

-- Declarations that no page makes: their numbers become holes.
UPDATE totals SET
  declared = declared - (SELECT coalesce(sum(declared), 0) FROM producers WHERE length(dropped_json) > 65536),
  missing = missing + (SELECT coalesce(sum(declared), 0) FROM producers WHERE length(dropped_json) > 65536);
INSERT INTO long_ledgers
SELECT producer, '', received_json, iif(length(dropped_json) > 65536, '{}', dropped_json)
FROM producers WHERE length(CAST(received_json AS BLOB)) + length(CAST(dropped_json AS BLOB)) > 1000;
INSERT INTO scoped_producers
SELECT p.producer, '', source, next, made, received, iif(is_cut, 0, declared), iif(is_cut, missing + declared, missing),
  0, iif(is_cut, declared, 0), first_heard_ms, last_heard_ms, iif(is_long, NULL, p.received_json),
  iif(is_long, NULL, p.dropped_json)
FROM (
  SELECT *, length(dropped_json) > 65536 AS is_cut,
    length(CAST(received_json AS BLOB)) + length(CAST(dropped_json AS BLOB)) > 1000 AS is_long
  FROM producers
) AS p;
DROP TABLE producers;
ALTER TABLE scoped_producers RENAME TO producers;
CREATE INDEX producers_heard ON producers (last_heard_ms, producer, scope);
CREATE INDEX producers_open ON producers (last_heard_ms, producer, scope, missing) WHERE missing > 0;
CREATE INDEX producers_declared ON producers (last_heard_ms, producer, scope) WHERE missing = 0 AND declared > 0;

-- What the ledgers of each source add up to, changed in the transactions that change them.
CREATE TABLE sources (
  source         TEXT    NOT NULL PRIMARY KEY,
  producers      INTEGER NOT NULL,
  made           INTEGER NOT NULL,
  received       INTEGER NOT NULL,
  declared       INTEGER NOT NULL,
  missing        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO sources
SELECT source, count(*), sum(made), sum(received), sum(declared), sum(missing) FROM producers GROUP BY source;

-- An id counts within its source and kind of key: 1 for public keys, 2 for secret ones, 0 for either, before this.
CREATE TABLE scoped_event_ids (
  event_id       TEXT    NOT NULL,
  source         TEXT    NOT NULL,
  key_kind       INTEGER NOT NULL DEFAULT 0,
  id             BLOB    NOT NULL,
  received_ms    INTEGER NOT NULL,
  refused        INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (event_id, source, key_kind)
) STRICT, WITHOUT ROWID;
INSERT INTO scoped_event_ids SELECT event_id, source, 0, id, received_ms, refused FROM event_ids;
DROP TABLE event_ids;
ALTER TABLE scoped_event_ids RENAME TO event_ids;
CREATE INDEX event_ids_received ON event_ids (received_ms);

-- Lists the arrivals of a number in one source, however many there are in others.
DROP INDEX outcomes_number;
CREATE INDEX outcomes_number ON outcomes (producer, seq, source, id) WHERE producer IS NOT NULL;
