-- The last step of the schema that a week's file was brought to, so that a start opens those that are behind, and only those.
ALTER TABLE weeks ADD COLUMN schema INTEGER NOT NULL DEFAULT 1;
