-- What was counted by minute, hour, day and week, so that no page has to scan events: one row for each name of events of a
-- source, for what was stored, duplicate and invalid of a source, and for each group of errors. The number of rows is
-- limited, and so is what each takes.
CREATE TABLE tallies (
  id             INTEGER PRIMARY KEY,
  kind           INTEGER NOT NULL,
  -- The source, or the sink of deliveries.
  owner          TEXT    NOT NULL,
  -- The name of events, or the code of errors. Empty for everything for which there is no room.
  label          TEXT    NOT NULL,
  counts         BLOB    NOT NULL,
  UNIQUE (kind, owner, label)
) STRICT;
-- What is known of the properties of a name, or an error of a group, as JSON. It has values from events of `oldest_week`
-- and later, which are deleted with the week.
CREATE TABLE tally_details (
  id             INTEGER PRIMARY KEY,
  oldest_week    INTEGER,
  json           TEXT    NOT NULL
) STRICT;
CREATE INDEX tally_details_oldest ON tally_details (oldest_week) WHERE oldest_week IS NOT NULL;

-- What transactions have counted since it was last added to `tallies`, in a row that every transaction writes anyway.
-- NULL until the events of earlier versions are counted.
ALTER TABLE totals ADD COLUMN tally_log BLOB;
