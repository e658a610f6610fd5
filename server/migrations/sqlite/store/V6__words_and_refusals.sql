-- What was said last about each trait and experiment of a user, and when. NULL for a profile that no event changed since
-- an earlier version, which knew only when the newest word was said.
ALTER TABLE profiles ADD COLUMN words_json TEXT;
-- A client whose clock ran ahead had the last word until that time.
UPDATE profiles SET said_ms = CAST(strftime('%s', 'now') AS INTEGER) * 1000
  WHERE said_ms > CAST(strftime('%s', 'now') AS INTEGER) * 1000;
