-- The payloads applied last, in the order in which they were committed: what a live view follows. Ids within a
-- payload differ in their last bytes only, so two of them name all its rows.
CREATE TABLE recent (
  position       INTEGER PRIMARY KEY AUTOINCREMENT,
  first_id       BLOB    NOT NULL,
  last_id        BLOB    NOT NULL
) STRICT;

-- Lists one producer's refused arrivals in the order of time.
CREATE INDEX outcomes_producer ON outcomes (producer, id) WHERE producer IS NOT NULL;
