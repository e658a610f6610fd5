-- When an operator discarded a payload that was set aside. It stays until retention deletes it, so that it can be restored.
ALTER TABLE set_aside ADD COLUMN discarded_ms INTEGER;

-- How much was discarded, also of what retention has deleted since.
CREATE TABLE discarded_sums (
  id             INTEGER PRIMARY KEY CHECK (id = 1),
  payloads       INTEGER NOT NULL,
  events         INTEGER NOT NULL
) STRICT;
INSERT INTO discarded_sums (id, payloads, events) VALUES (1, 0, 0);
