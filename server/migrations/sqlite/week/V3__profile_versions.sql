-- Versions of profiles. A row of `events` refers to one by its user and `profile_revision`. Rows of earlier versions have
-- a copy in `profile` instead.
CREATE TABLE profile_versions (
  key            TEXT    NOT NULL,
  revision       INTEGER NOT NULL,
  -- The whole version that this one begins with: itself, or what follows it in the order of numbers is what changed.
  base           INTEGER NOT NULL,
  -- What the changes since then count as, in bytes.
  changed_bytes  INTEGER NOT NULL,
  -- The batch that wrote it.
  batch          INTEGER NOT NULL,
  json           TEXT    NOT NULL,
  PRIMARY KEY (key, revision)
) STRICT, WITHOUT ROWID;
ALTER TABLE events ADD COLUMN profile_revision INTEGER;
