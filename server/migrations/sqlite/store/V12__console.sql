-- Who is signed in to the console: the hash of each session's secret, and the token that it acts for.
CREATE TABLE sessions (
  hash           BLOB    NOT NULL PRIMARY KEY,
  key_id         TEXT    NOT NULL,
  made_ms        INTEGER NOT NULL,
  expires_ms     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_expiring ON sessions (expires_ms);

-- Filters of the console's lists that were saved under a name, as query strings.
CREATE TABLE saved_views (
  page           TEXT    NOT NULL,
  name           TEXT    NOT NULL,
  query          TEXT    NOT NULL,
  made_ms        INTEGER NOT NULL,
  PRIMARY KEY (page, name)
) STRICT, WITHOUT ROWID;
