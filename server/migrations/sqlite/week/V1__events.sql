CREATE TABLE events (
  id             BLOB    NOT NULL,
  type           TEXT    NOT NULL,
  name           TEXT    NOT NULL,
  source         TEXT    NOT NULL,
  ts_ms          INTEGER,
  time_ms        INTEGER NOT NULL,
  received_ms    INTEGER NOT NULL,
  created_day    INTEGER NOT NULL,
  user_id        TEXT,
  anonymous_id   TEXT,
  session        TEXT,
  producer       BLOB,
  seq            INTEGER,
  event_id       TEXT,
  payload_id     BLOB    NOT NULL,
  payload_index  INTEGER NOT NULL,
  monitor        TEXT,
  context        TEXT,
  enrichment     TEXT,
  profile        TEXT,
  properties     TEXT
) STRICT;
CREATE UNIQUE INDEX events_id ON events (id);
-- Dedup is the ledger's business; this index asserts that it was done right, and finds an event by number.
CREATE UNIQUE INDEX events_number ON events (producer, seq) WHERE producer IS NOT NULL;
CREATE INDEX events_name ON events (name, id);
CREATE INDEX events_user ON events (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX events_type ON events (type, id) WHERE type <> 'default';
CREATE INDEX events_event_id ON events (event_id, source) WHERE event_id IS NOT NULL;

-- The ids that the last transaction wrote. It counts once `weeks.batch` in store.db has its number; otherwise these
-- rows are deleted before anything else is written.
CREATE TABLE batch (
  number         INTEGER NOT NULL,
  first_id       BLOB    NOT NULL,
  last_id        BLOB    NOT NULL
) STRICT;
