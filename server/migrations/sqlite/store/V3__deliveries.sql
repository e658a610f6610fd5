-- Every sink that was ever configured, its state and its counts, changed in the transactions that change them.
CREATE TABLE sinks (
  id             INTEGER PRIMARY KEY,
  name           TEXT    NOT NULL UNIQUE,
  kind           TEXT    NOT NULL,
  is_configured  INTEGER NOT NULL,
  paused_ms      INTEGER,
  stopped        TEXT,
  rests_until_ms INTEGER,
  rests_why      TEXT,
  waiting        INTEGER NOT NULL DEFAULT 0,
  sent           INTEGER NOT NULL DEFAULT 0,
  dead           INTEGER NOT NULL DEFAULT 0,
  dropped        INTEGER NOT NULL DEFAULT 0
) STRICT;

-- What happened to each delivery, append-only. Step 0 is how it began; that there is one makes routing the
-- same event to the same sink again do nothing.
CREATE TABLE deliveries (
  event_id       BLOB    NOT NULL,
  sink           INTEGER NOT NULL,
  step           INTEGER NOT NULL,
  at_ms          INTEGER NOT NULL,
  state          TEXT    NOT NULL,
  attempt        INTEGER NOT NULL,
  due_ms         INTEGER,
  reason         TEXT,
  detail         TEXT,
  PRIMARY KEY (event_id, sink, step)
) STRICT, WITHOUT ROWID;

-- Open work only, keyed by the time from which a worker may take it, like payload_queue: 0 for a delivery
-- never tried, the end of its lease while someone works on it, the time of the next attempt after a failure.
CREATE TABLE delivery_queue (
  sink           INTEGER NOT NULL,
  due_ms         INTEGER NOT NULL,
  event_id       BLOB    NOT NULL,
  bytes          INTEGER NOT NULL,
  queued_ms      INTEGER NOT NULL,
  steps          INTEGER NOT NULL,
  attempts       INTEGER NOT NULL,
  lease_token    BLOB,
  PRIMARY KEY (sink, due_ms, event_id)
) STRICT, WITHOUT ROWID;

-- Deliveries that were given up, until someone has them tried again.
CREATE TABLE dead_letters (
  sink           INTEGER NOT NULL,
  event_id       BLOB    NOT NULL,
  reason         TEXT    NOT NULL,
  bytes          INTEGER NOT NULL,
  steps          INTEGER NOT NULL,
  PRIMARY KEY (sink, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX dead_letters_reason ON dead_letters (sink, reason, event_id);
