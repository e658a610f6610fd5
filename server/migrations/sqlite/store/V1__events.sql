-- The weeks that events were received in. The events themselves are in one file a week, so that old ones never slow
-- a write and retention is deleting a file. `batch` numbers the last commit to the file that counts; see
-- "Two files, one outcome" in ARCHITECTURE.md.
CREATE TABLE weeks (
  week           INTEGER PRIMARY KEY,
  state          TEXT    NOT NULL CHECK (state IN ('open', 'sealed', 'removed')),
  batch          INTEGER NOT NULL,
  events         INTEGER NOT NULL,
  removed_ms     INTEGER,
  removed_events INTEGER NOT NULL DEFAULT 0
) STRICT;
-- The files that may hold rows that do not count.
CREATE INDEX weeks_open ON weeks (week) WHERE state = 'open';

-- Arrivals that are not in `events`: duplicates and invalid ones.
CREATE TABLE outcomes (
  id             BLOB    NOT NULL PRIMARY KEY,
  state          TEXT    NOT NULL,
  reason         TEXT,
  detail         TEXT,
  source         TEXT    NOT NULL,
  producer       BLOB,
  seq            INTEGER,
  event_id       TEXT,
  payload_id     BLOB    NOT NULL,
  payload_index  INTEGER NOT NULL,
  received_ms    INTEGER NOT NULL,
  applied_ms     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX outcomes_number ON outcomes (producer, seq, id) WHERE producer IS NOT NULL;
CREATE INDEX outcomes_event_id ON outcomes (event_id, source, id) WHERE event_id IS NOT NULL;

-- One ledger a producer.
CREATE TABLE producers (
  producer       BLOB    NOT NULL PRIMARY KEY,
  source         TEXT    NOT NULL,
  next           INTEGER NOT NULL,
  made           INTEGER NOT NULL,
  received       INTEGER NOT NULL,
  declared       INTEGER NOT NULL,
  missing        INTEGER NOT NULL,
  first_heard_ms INTEGER NOT NULL,
  last_heard_ms  INTEGER NOT NULL,
  received_json  TEXT    NOT NULL,
  dropped_json   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX producers_heard ON producers (last_heard_ms, producer);
-- Incomplete producers, without passing the complete ones.
CREATE INDEX producers_open ON producers (last_heard_ms, producer, missing) WHERE missing > 0;
CREATE INDEX producers_declared ON producers (last_heard_ms, producer) WHERE missing = 0 AND declared > 0;

-- Names that clients gave events they do not number, within one source.
CREATE TABLE event_ids (
  event_id       TEXT    NOT NULL,
  source         TEXT    NOT NULL,
  id             BLOB    NOT NULL,
  received_ms    INTEGER NOT NULL,
  PRIMARY KEY (event_id, source)
) STRICT, WITHOUT ROWID;
-- The oldest ones are forgotten.
CREATE INDEX event_ids_received ON event_ids (received_ms);

-- Payloads whose events are all in the tables above. What makes applying one twice harmless.
CREATE TABLE applied (
  payload_id     BLOB    NOT NULL PRIMARY KEY,
  applied_ms     INTEGER NOT NULL,
  attempt        INTEGER NOT NULL,
  stored         INTEGER NOT NULL,
  duplicates     INTEGER NOT NULL,
  invalid        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Counts of everything above, changed in the transactions that change it.
CREATE TABLE totals (
  only           INTEGER PRIMARY KEY CHECK (only = 1),
  stored         INTEGER NOT NULL,
  duplicates     INTEGER NOT NULL,
  invalid        INTEGER NOT NULL,
  unnumbered     INTEGER NOT NULL,
  made           INTEGER NOT NULL,
  declared       INTEGER NOT NULL,
  missing        INTEGER NOT NULL
) STRICT;
INSERT INTO totals VALUES (1, 0, 0, 0, 0, 0, 0, 0);

CREATE TABLE keys (
  id             TEXT    NOT NULL PRIMARY KEY,
  kind           TEXT    NOT NULL,
  source         TEXT    NOT NULL,
  hash           BLOB    NOT NULL UNIQUE,
  public_text    TEXT,
  made_ms        INTEGER NOT NULL,
  disabled_ms    INTEGER
) STRICT, WITHOUT ROWID;

-- What is known about users from what was said earlier.
CREATE TABLE profiles (
  key            TEXT    NOT NULL PRIMARY KEY,
  said_ms        INTEGER NOT NULL,
  json           TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
