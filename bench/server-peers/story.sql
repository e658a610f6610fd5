-- The tables of the story's stack, empty. Payloads are saved as they come. The worker finds those
-- that are not processed by a partial index, which stays small.
DROP SCHEMA IF EXISTS story CASCADE;
CREATE SCHEMA story;
CREATE TABLE story.payloads (
  id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  received    TIMESTAMPTZ NOT NULL DEFAULT now(),
  user_agent  TEXT,
  processed   BOOLEAN NOT NULL DEFAULT false,
  body        JSON NOT NULL
);
CREATE INDEX payloads_open ON story.payloads (id) WHERE NOT processed;
CREATE TABLE story.profiles (
  user_id     TEXT PRIMARY KEY,
  traits      JSON NOT NULL
);
-- A few indexed columns, and JSON for the rest. The id makes each event unique, however often it is
-- sent or processed.
CREATE TABLE story.events (
  id             UUID PRIMARY KEY,
  type           TEXT NOT NULL,
  name           TEXT NOT NULL,
  ts             TIMESTAMPTZ,
  received       TIMESTAMPTZ NOT NULL,
  created_day    DATE NOT NULL,
  user_id        TEXT,
  session        TEXT,
  payload_id     BIGINT NOT NULL,
  payload_index  INTEGER NOT NULL,
  properties     JSON,
  context        JSON,
  enrichment     JSON
);
CREATE INDEX events_name ON story.events (name, received);
CREATE INDEX events_user ON story.events (user_id, received);
-- It takes half the time of the default, for the same size. Some builds of PostgreSQL have none.
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
    ALTER TABLE story.payloads ALTER COLUMN body SET COMPRESSION lz4;
    ALTER TABLE story.events ALTER COLUMN properties SET COMPRESSION lz4,
      ALTER COLUMN context SET COMPRESSION lz4, ALTER COLUMN enrichment SET COMPRESSION lz4;
  END IF;
END $$;
