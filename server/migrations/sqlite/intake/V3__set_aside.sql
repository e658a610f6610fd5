-- How many attempts failed because of the payload itself. `attempts` also counts those that ended
-- with the process or because the store took no writes. They must never set a payload aside.
ALTER TABLE payload_queue ADD COLUMN own_failures INTEGER NOT NULL DEFAULT 0;

-- Payloads that failed too often. They left the queue, and stay here until an operator retries them.
CREATE TABLE set_aside (
  position       INTEGER PRIMARY KEY,
  id             BLOB    NOT NULL UNIQUE,
  received_ms    INTEGER NOT NULL,
  events         INTEGER NOT NULL,
  unpacked_bytes INTEGER NOT NULL,
  attempts       INTEGER NOT NULL,
  error          TEXT    NOT NULL,
  set_aside_ms   INTEGER NOT NULL
) STRICT;
