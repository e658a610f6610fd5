-- Alerts that are pending or firing. What is fine has no row.
CREATE TABLE alert_states (
  rule           TEXT    NOT NULL,
  thing          TEXT    NOT NULL,
  phase_json     TEXT    NOT NULL,
  PRIMARY KEY (rule, thing)
) STRICT, WITHOUT ROWID;

-- When the rules were last evaluated, and the counters at that time: one row.
CREATE TABLE alert_mark (
  id             INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  mark_json      TEXT    NOT NULL
) STRICT;

-- What was said about alerts: also the queue of what the webhook is still owed, which has a time when it is due.
CREATE TABLE alert_notices (
  id             INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  notice_json    TEXT    NOT NULL,
  due_ms         INTEGER,
  attempts       INTEGER NOT NULL DEFAULT 0,
  ended_ms       INTEGER,
  delivery       TEXT    NOT NULL,
  error          TEXT
) STRICT;
CREATE INDEX alert_notices_queued ON alert_notices (id) WHERE due_ms IS NOT NULL;
