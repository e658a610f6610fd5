-- The tables of the story's stack, empty. Payloads are saved as they come. The worker finds those
-- that are not processed by a partial index, which stays small.
DROP SCHEMA IF EXISTS story CASCADE;
CREATE SCHEMA story;
CREATE TABLE story.payloads (
  id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  received    TIMESTAMPTZ NOT NULL DEFAULT now(),
  user_agent  TEXT,
  processed   BOOLEAN NOT NULL DEFAULT false,
  body        JSON COMPRESSION lz4 NOT NULL
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
  properties     JSON COMPRESSION lz4,
  context        JSON COMPRESSION lz4,
  enrichment     JSON COMPRESSION lz4
);
CREATE INDEX events_name ON story.events (name, received);
CREATE INDEX events_user ON story.events (user_id, received);
