-- Profiles: one row a user, and one for each word, so that an event writes only the words that it says. What events show
-- of a profile is in the files of events, see `profile_versions` there.
CREATE TABLE profile_states (
  id             INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  key            TEXT    NOT NULL UNIQUE,
  -- How often what events show of it changed, and whether that is nothing.
  revision       INTEGER NOT NULL,
  empty          INTEGER NOT NULL,
  -- The newest week with an event of this user.
  week           INTEGER NOT NULL,
  -- What an earlier version stored: all words in one text, and before that only what events show and the time of the
  -- newest word. Moved to `profile_words` with the next word.
  earlier_words  TEXT,
  earlier_shown  TEXT,
  earlier_ms     INTEGER
) STRICT;
CREATE INDEX profile_states_week ON profile_states (week);
-- What was said last about each trait (subject 0) and each experiment (1), when, and in which event.
CREATE TABLE profile_words (
  profile        INTEGER NOT NULL,
  subject        INTEGER NOT NULL,
  name           TEXT    NOT NULL,
  said_ms        INTEGER NOT NULL,
  event_id       BLOB    NOT NULL,
  json           TEXT    NOT NULL,
  PRIMARY KEY (profile, subject, name)
) STRICT, WITHOUT ROWID;
INSERT INTO profile_states (key, revision, empty, week, earlier_words, earlier_shown, earlier_ms)
SELECT key, 1, json = '{}', (SELECT coalesce(max(week), 0) FROM weeks), words_json, iif(words_json IS NULL, json, NULL),
  said_ms
FROM profiles;
DROP TABLE profiles;
