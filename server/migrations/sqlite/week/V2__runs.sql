-- Where the numbers of a producer are. A run is numbers that follow each other in rows of one payload that follow each
-- other. A row's id is its payload's, plus its place in the payload; so number n is in the row whose id is
-- `first_id` + (n - first), and nothing depends on where SQLite keeps a row.
CREATE TABLE runs (
  producer       BLOB    NOT NULL,
  first          INTEGER NOT NULL,
  last           INTEGER NOT NULL CHECK (last >= first),
  first_id       BLOB    NOT NULL,
  PRIMARY KEY (producer, first)
) STRICT, WITHOUT ROWID;
-- A run begins with each row that does not follow the row with the number before, and ends before the next such row.
INSERT INTO runs (producer, first, last, first_id)
SELECT e.producer, e.seq, (
    SELECT l.seq FROM events AS l
    WHERE l.producer = e.producer AND l.seq >= e.seq AND NOT EXISTS (
      SELECT 1 FROM events AS n
      WHERE n.producer = l.producer AND n.seq = l.seq + 1
        AND n.payload_id = l.payload_id AND n.payload_index = l.payload_index + 1
    )
    ORDER BY l.seq LIMIT 1
  ), e.id
FROM events AS e
WHERE e.producer IS NOT NULL AND NOT EXISTS (
  SELECT 1 FROM events AS p
  WHERE p.producer = e.producer AND p.seq = e.seq - 1
    AND p.payload_id = e.payload_id AND p.payload_index = e.payload_index - 1
);
-- An entry for each event, in another place for each producer, was most of what dedup cost.
DROP INDEX events_number;
-- Dedup is the ledger's business; this asserts that it was done right: no number is in two rows.
CREATE TRIGGER runs_apart BEFORE INSERT ON runs
WHEN (
  SELECT last FROM runs WHERE producer = NEW.producer AND first <= NEW.last ORDER BY first DESC LIMIT 1
) >= NEW.first
BEGIN
  SELECT RAISE(ABORT, 'a number of this producer is in another run');
END;
