-- Dead letters that an operator discarded, until retention deletes them. They can be restored.
CREATE TABLE discarded_letters (
  sink           INTEGER NOT NULL,
  event_id       BLOB    NOT NULL,
  reason         TEXT    NOT NULL,
  bytes          INTEGER NOT NULL,
  steps          INTEGER NOT NULL,
  PRIMARY KEY (sink, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX discarded_letters_reason ON discarded_letters (sink, reason, event_id);

-- How many deliveries were discarded, also of those that retention has deleted since.
ALTER TABLE sinks ADD COLUMN discarded INTEGER NOT NULL DEFAULT 0;
