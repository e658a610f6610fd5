-- What was said last about each trait and experiment of a user, and when. NULL for a profile that no event changed since
-- an earlier version, which knew only when the newest word was said.
ALTER TABLE profiles ADD COLUMN words_json TEXT;
-- A client whose clock ran ahead had the last word until that time.
UPDATE profiles SET said_ms = CAST(strftime('%s', 'now') AS INTEGER) * 1000
  WHERE said_ms > CAST(strftime('%s', 'now') AS INTEGER) * 1000;
-- Profiles of everyone who was not signed in: these ids stand for no user.
WITH placeholders (id) AS (VALUES
  (''), ('undefined'), ('null'), ('NULL'), ('(null)'), ('<null>'), ('nil'), ('<nil>'), ('None'), ('NaN'),
  ('[object Object]'), ('true'), ('false'), ('0'), ('-1'), ('anonymous'), ('Anonymous'),
  ('00000000-0000-0000-0000-000000000000')
)
DELETE FROM profiles
  WHERE key IN (SELECT 'user:' || id FROM placeholders UNION ALL SELECT 'anonymous:' || id FROM placeholders);

-- Whether an id belongs to an arrival that cannot be stored. Then the first one that can be stored gets it.
ALTER TABLE event_ids ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
UPDATE event_ids SET refused = 1 WHERE id IN (SELECT id FROM outcomes WHERE state = 'invalid');
-- What could be read of an invalid event, as JSON.
ALTER TABLE outcomes ADD COLUMN content TEXT;
