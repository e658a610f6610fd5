-- Shards: several databases that keep the data of one installation, divided by bucket. See V1 for what holds for all
-- tables, and `store/shard_map.rs`.

-- Which shard this database is, and the whole map with its epoch, as JSON. One row. A database that has always been
-- alone is number 1 in epoch 0, and has no map.
CREATE TABLE shard (
  id             integer PRIMARY KEY CHECK (id = 1),
  -- The same in all shards.
  installation   uuid,
  number         integer NOT NULL CHECK (number BETWEEN 1 AND 65535),
  epoch          bigint  NOT NULL,
  map            text,
  -- A bit for each bucket that may be written here. All of them, if NULL.
  writable       bytea   CHECK (octet_length(writable) = 128),
  -- Whether buckets are on their way from here or to here. Meanwhile nothing is deleted, and past deliveries stay as
  -- they are.
  is_moving      boolean NOT NULL DEFAULT false,
  -- Buckets came from databases that had removed all weeks before this one.
  kept_from      integer,
  CHECK (epoch = 0 OR (installation IS NOT NULL AND map IS NOT NULL AND writable IS NOT NULL))
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 100);
INSERT INTO shard (id, number, epoch) VALUES (1, 1, 0);

-- What may be written here until the transaction ends. All who write share the lock, and whoever changes the map waits
-- for them and has it alone. With a lock of the row, those who share it would pass by who waits for it alone. Each
-- statement in here sees what was committed before it began, so what is read after the wait is what counts.
CREATE FUNCTION shard_gate(OUT epoch bigint, OUT writable bytea, OUT is_moving boolean) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(119165703684104);
  SELECT it.epoch, it.writable, it.is_moving INTO STRICT epoch, writable, is_moving
    FROM lamplight.shard AS it WHERE id = 1;
END $$;

-- Chunks of buckets that moved from here or to here: a row in the target when everything is there, and one in the
-- source when everything is gone from it.
CREATE TABLE shard_moves (
  -- The epoch in which the chunk began to leave.
  begun          bigint  NOT NULL PRIMARY KEY,
  from_shard     integer NOT NULL,
  to_shard       integer NOT NULL,
  buckets        text    NOT NULL,
  -- When everything was copied here, or deleted here.
  done_ms        bigint  NOT NULL,
  -- What was added to the counts here, or taken from them, as JSON.
  counts_json    text    NOT NULL
);

-- Deliveries of buckets that leave. Until these are gone from here, nobody leases them: they are due at the end of
-- time, and this says when they really are.
CREATE TABLE held_deliveries (
  sink           integer NOT NULL,
  event_id       uuid    NOT NULL,
  due_ms         bigint  NOT NULL,
  PRIMARY KEY (sink, event_id)
);

-- The buckets of a payload that were applied here. NULL, if that is all of it, because the database was alone.
ALTER TABLE applied ADD COLUMN buckets smallint[];

-- The cluster whose transactions the positions of the live view are numbers of. A dump that was restored in another
-- one begins anew, far behind them.
ALTER TABLE live_mark ADD COLUMN cluster bigint;

-- Keeps servers that know nothing of shards from writing to one. Those that do say so in each session.
CREATE FUNCTION refuse_older_servers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT epoch FROM lamplight.shard) > 0 THEN
    RAISE EXCEPTION 'this database is a shard, and this server is too old to know' USING ERRCODE = '57PLM';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER older_servers BEFORE INSERT OR UPDATE OR DELETE ON applied FOR EACH STATEMENT
  WHEN (current_setting('lamplight.shards', true) IS DISTINCT FROM 'known') EXECUTE FUNCTION refuse_older_servers();
CREATE TRIGGER older_servers BEFORE INSERT OR UPDATE OR DELETE ON producers FOR EACH STATEMENT
  WHEN (current_setting('lamplight.shards', true) IS DISTINCT FROM 'known') EXECUTE FUNCTION refuse_older_servers();
CREATE TRIGGER older_servers BEFORE INSERT OR UPDATE OR DELETE ON delivery_queue FOR EACH STATEMENT
  WHEN (current_setting('lamplight.shards', true) IS DISTINCT FROM 'known') EXECUTE FUNCTION refuse_older_servers();

-- Servers of version 3 and 4 go on with a database that is alone.
UPDATE compatibility SET version = 5, oldest = 3;
