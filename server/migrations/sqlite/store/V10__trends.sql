-- The server's own figures: a row for each minute, hour and day with a sample. Each figure has its number of samples,
-- their sum, the smallest, the largest and the last, so that rows can be added up exactly.
CREATE TABLE trends (
  resolution     INTEGER NOT NULL,
  begin_ms       INTEGER NOT NULL,
  figures_json   TEXT    NOT NULL,
  PRIMARY KEY (resolution, begin_ms)
) STRICT;

-- The last sample that counts, and the counters as it found them: one row.
CREATE TABLE trend_mark (
  id             INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  mark_json      TEXT    NOT NULL
) STRICT;
