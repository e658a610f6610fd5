-- The queue is dealt into shares, each read by one worker alone: runs of 64 payloads go round the 4 shares, so that a
-- commit writes to one or two pages of the queue, not to one a share. `store/sqlite/queue.rs` computes the same.
CREATE TABLE shared_queue (
  share          INTEGER NOT NULL,
  due_ms         INTEGER NOT NULL,
  position       INTEGER NOT NULL,
  received_ms    INTEGER NOT NULL,
  events         INTEGER NOT NULL,
  unpacked_bytes INTEGER NOT NULL,
  attempts       INTEGER NOT NULL DEFAULT 0,
  lease_token    BLOB,
  last_error     TEXT,
  PRIMARY KEY (share, due_ms, position)
) STRICT, WITHOUT ROWID;
INSERT INTO shared_queue
  SELECT position / 64 % 4, due_ms, position, received_ms, events, unpacked_bytes, attempts, lease_token, last_error
  FROM payload_queue;
DROP TABLE payload_queue;
ALTER TABLE shared_queue RENAME TO payload_queue;
