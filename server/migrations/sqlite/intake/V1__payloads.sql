-- Raw payloads exactly as received, append-only. The body stands last, so that reading the rest of a row
-- never touches its overflow pages.
CREATE TABLE payloads (
  position       INTEGER PRIMARY KEY,
  id             BLOB    NOT NULL UNIQUE,
  received_ms    INTEGER NOT NULL,
  key_id         TEXT    NOT NULL,
  source         TEXT    NOT NULL,
  encoding       TEXT    NOT NULL,
  events         INTEGER NOT NULL,
  unpacked_bytes INTEGER NOT NULL,
  user_agent     TEXT,
  origin         TEXT,
  client         TEXT,
  body           BLOB    NOT NULL
) STRICT;

-- Open work only. The key begins with the time from which a worker may take a row: 0 for one never
-- tried, the end of its lease while someone works on it, the time of the next attempt after a failure.
-- So taking work reads exactly the rows it takes, and an expired lease comes back by itself.
CREATE TABLE payload_queue (
  due_ms         INTEGER NOT NULL,
  position       INTEGER NOT NULL,
  received_ms    INTEGER NOT NULL,
  events         INTEGER NOT NULL,
  unpacked_bytes INTEGER NOT NULL,
  attempts       INTEGER NOT NULL DEFAULT 0,
  lease_token    BLOB,
  last_error     TEXT,
  PRIMARY KEY (due_ms, position)
) STRICT, WITHOUT ROWID;

-- Replays, and how far each is: everything in the span up to `after_id` is done.
CREATE TABLE replays (
  id             INTEGER PRIMARY KEY,
  first_id       BLOB    NOT NULL,
  last_id        BLOB    NOT NULL,
  after_id       BLOB,
  payloads       INTEGER NOT NULL DEFAULT 0,
  rewritten      INTEGER NOT NULL DEFAULT 0,
  restored       INTEGER NOT NULL DEFAULT 0,
  accepted       INTEGER NOT NULL DEFAULT 0,
  skipped        INTEGER NOT NULL DEFAULT 0,
  begun_ms       INTEGER NOT NULL,
  ended_ms       INTEGER
) STRICT;
CREATE INDEX replays_open ON replays (id) WHERE ended_ms IS NULL;
