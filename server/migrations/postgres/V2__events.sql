-- Events, and what tells of each arrival: ledgers, outcomes, counts, profiles. See V1 for what holds for all tables.

-- The weeks that events were received in, and how many events of each retention has removed.
CREATE TABLE weeks (
  week           integer PRIMARY KEY,
  is_removed     boolean NOT NULL DEFAULT false,
  removed_ms     bigint,
  removed_events bigint  NOT NULL DEFAULT 0
);

CREATE TABLE events (
  id             uuid     NOT NULL,
  bucket         smallint NOT NULL,
  payload_index  integer  NOT NULL,
  created_day    integer  NOT NULL,
  received_ms    bigint   NOT NULL,
  time_ms        bigint   NOT NULL,
  ts_ms          bigint,
  seq            bigint,
  profile_revision bigint,
  payload_id     uuid     NOT NULL,
  producer       uuid,
  type           text     NOT NULL,
  name           text     NOT NULL,
  source         text     NOT NULL,
  user_id        text,
  anonymous_id   text,
  session        text,
  event_id       text,
  monitor        json,
  context        json,
  enrichment     json,
  -- A copy, in rows that came from an early version. Others refer to `profile_versions`.
  profile        json,
  properties     json,
  PRIMARY KEY (id, bucket)
) PARTITION BY RANGE (id);
CREATE INDEX events_name ON events (name, id);
-- A user's id may be longer than an entry of an index.
CREATE INDEX events_user ON events (left(user_id, 200), id) WHERE user_id IS NOT NULL;
CREATE INDEX events_type ON events (type, id) WHERE type <> 'default';
CREATE INDEX events_event_id ON events (event_id, source) WHERE event_id IS NOT NULL;

-- Where the numbers of a producer are. A run is numbers that follow each other in rows of one payload that follow each
-- other. A row's id is its payload's, plus its place there; so number n is in the row whose id is `first_id` + (n - first).
CREATE TABLE runs (
  producer       uuid     NOT NULL,
  scope          text     NOT NULL,
  first          bigint   NOT NULL,
  last           bigint   NOT NULL CHECK (last >= first),
  first_id       uuid     NOT NULL,
  bucket         smallint NOT NULL,
  PRIMARY KEY (producer, scope, first, first_id, bucket)
) PARTITION BY RANGE (first_id);

-- Versions of profiles. A row of `events` refers to one by its user and `profile_revision`. `key` is the hash of the
-- profile's key, see `store/postgres/columns.rs`.
CREATE TABLE profile_versions (
  key            uuid    NOT NULL,
  week           integer NOT NULL,
  revision       bigint  NOT NULL,
  -- The whole version that this one begins with: itself, or what follows it in the order of numbers is what changed.
  base           bigint  NOT NULL,
  -- What the changes since then count as, in bytes.
  changed_bytes  bigint  NOT NULL,
  json           text    NOT NULL,
  PRIMARY KEY (key, week, revision)
) PARTITION BY RANGE (week);

-- Arrivals that are not in `events`: duplicates and invalid ones.
CREATE TABLE outcomes (
  id             uuid     NOT NULL,
  bucket         smallint NOT NULL,
  payload_index  integer  NOT NULL,
  received_ms    bigint   NOT NULL,
  applied_ms     bigint   NOT NULL,
  seq            bigint,
  producer       uuid,
  payload_id     uuid     NOT NULL,
  state          text     NOT NULL,
  reason         text,
  detail         text,
  source         text     NOT NULL,
  event_id       text,
  -- What could be read of an invalid event, as JSON.
  content        text,
  PRIMARY KEY (id, bucket)
);
CREATE INDEX outcomes_number ON outcomes (producer, seq, source, id) WHERE producer IS NOT NULL;
CREATE INDEX outcomes_producer ON outcomes (producer, id) WHERE producer IS NOT NULL;
CREATE INDEX outcomes_event_id ON outcomes (event_id, source, id) WHERE event_id IS NOT NULL;

-- One ledger for each producer in each scope, which is its source. An empty scope counts for all sources: ledgers of
-- early versions did.
CREATE TABLE producers (
  producer       uuid     NOT NULL,
  scope          text     NOT NULL,
  bucket         smallint NOT NULL,
  source         text     NOT NULL,
  next           bigint   NOT NULL,
  made           bigint   NOT NULL,
  received       bigint   NOT NULL,
  declared       bigint   NOT NULL,
  missing        bigint   NOT NULL,
  forgotten      bigint   NOT NULL DEFAULT 0,
  refused        bigint   NOT NULL DEFAULT 0,
  first_heard_ms bigint   NOT NULL,
  last_heard_ms  bigint   NOT NULL,
  received_json  text     NOT NULL,
  dropped_json   text     NOT NULL,
  PRIMARY KEY (producer, scope, bucket)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX producers_heard ON producers (last_heard_ms, producer, scope);
CREATE INDEX producers_open ON producers (last_heard_ms, producer, scope, missing) WHERE missing > 0;
CREATE INDEX producers_declared ON producers (last_heard_ms, producer, scope) WHERE missing = 0 AND declared > 0;

-- What the ledgers of each source add up to, and how many there are. Transactions that run at the same time add to
-- different lanes, so that none waits for another. What counts is the sum.
CREATE TABLE sources (
  source         text     NOT NULL,
  lane           smallint NOT NULL,
  producers      bigint   NOT NULL,
  made           bigint   NOT NULL,
  received       bigint   NOT NULL,
  declared       bigint   NOT NULL,
  missing        bigint   NOT NULL,
  PRIMARY KEY (source, lane)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Counts of everything above, changed in the transactions that change it, in lanes like `sources`.
CREATE TABLE totals (
  lane           smallint PRIMARY KEY,
  stored         bigint  NOT NULL DEFAULT 0,
  duplicates     bigint  NOT NULL DEFAULT 0,
  invalid        bigint  NOT NULL DEFAULT 0,
  unnumbered     bigint  NOT NULL DEFAULT 0,
  made           bigint  NOT NULL DEFAULT 0,
  declared       bigint  NOT NULL DEFAULT 0,
  missing        bigint  NOT NULL DEFAULT 0
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
INSERT INTO totals (lane) SELECT generate_series(0, 63);

-- Names that clients gave events they do not number, within one source and kind of key: 1 for public keys, 2 for secret
-- ones, 0 for either, in early versions. A refused one goes to the first arrival that can be stored.
CREATE TABLE event_ids (
  event_id       text     NOT NULL,
  source         text     NOT NULL,
  key_kind       smallint NOT NULL,
  bucket         smallint NOT NULL,
  is_refused     boolean  NOT NULL,
  id             uuid     NOT NULL,
  received_ms    bigint   NOT NULL,
  PRIMARY KEY (event_id, source, key_kind, bucket)
);
-- The oldest ones are forgotten.
CREATE INDEX event_ids_received ON event_ids (received_ms);

-- Payloads whose events are all in the tables above. What makes applying one twice harmless.
CREATE TABLE applied (
  payload_id     uuid    NOT NULL PRIMARY KEY,
  applied_ms     bigint  NOT NULL,
  attempt        integer NOT NULL,
  stored         integer NOT NULL,
  duplicates     integer NOT NULL,
  invalid        integer NOT NULL
);

-- The payloads applied last, in an order in which nothing appears before what a reader has passed: what a live view
-- follows. A position is the number of its transaction, and its place there; see `store/postgres/read/live.rs`.
CREATE TABLE recent (
  position       bigint  NOT NULL PRIMARY KEY,
  first_id       uuid    NOT NULL,
  last_id        uuid    NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

-- Where that order begins, and what was deleted of it. `shift` is added to the numbers of transactions: those of a database
-- that was restored from a dump begin anew.
CREATE TABLE live_mark (
  id             integer PRIMARY KEY CHECK (id = 1),
  shift          bigint  NOT NULL,
  begun          bigint  NOT NULL,
  pruned_to      bigint  NOT NULL
);
INSERT INTO live_mark SELECT 1, 0, it, it FROM (SELECT pg_current_xact_id()::text::bigint << 12 AS it) AS now;

-- The role that runs statements of users, and its password, which every server of this database uses.
CREATE TABLE sql_role (
  id             integer PRIMARY KEY CHECK (id = 1),
  name           text    NOT NULL,
  password       text    NOT NULL
);

-- Profiles: one row a user, and one for each word, so that an event writes only the words that it says.
CREATE TABLE profile_states (
  id             bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  -- The hash of the key, which may be longer than an entry of an index.
  key            uuid    NOT NULL UNIQUE,
  key_text       text    NOT NULL,
  -- How often what events show of it changed, and whether that is nothing.
  revision       bigint  NOT NULL,
  is_empty       boolean NOT NULL,
  -- The newest week with an event of this user.
  week           integer NOT NULL
);
CREATE INDEX profile_states_week ON profile_states (week);
-- What was said last about each trait (subject 0) and each experiment (1), when, and in which event.
CREATE TABLE profile_words (
  profile        bigint   NOT NULL,
  said_ms        bigint   NOT NULL,
  event_id       uuid     NOT NULL,
  name_hash      uuid     NOT NULL,
  subject        smallint NOT NULL,
  name           text     NOT NULL,
  json           text     NOT NULL,
  PRIMARY KEY (profile, subject, name_hash)
);
