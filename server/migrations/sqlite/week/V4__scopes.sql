-- A number is that of a producer within a scope: its source, or an empty text for the ledgers that earlier versions kept
-- for all sources. See V9 of the store.
CREATE TABLE scoped_runs (
  producer       BLOB    NOT NULL,
  scope          TEXT    NOT NULL,
  first          INTEGER NOT NULL,
  last           INTEGER NOT NULL CHECK (last >= first),
  first_id       BLOB    NOT NULL,
  PRIMARY KEY (producer, scope, first)
) STRICT, WITHOUT ROWID;
INSERT INTO scoped_runs SELECT producer, '', first, last, first_id FROM runs ORDER BY producer, first;
DROP TABLE runs;
ALTER TABLE scoped_runs RENAME TO runs;
CREATE TRIGGER runs_apart BEFORE INSERT ON runs
WHEN (
  SELECT last FROM runs WHERE producer = NEW.producer AND scope = NEW.scope AND first <= NEW.last
  ORDER BY first DESC LIMIT 1
) >= NEW.first
BEGIN
  SELECT RAISE(ABORT, 'a number of this producer is in another run');
END;
