//! What statements of users see: two views with the columns that those of other databases have.

/// The schema and everything in it. The views show the weeks that the session says.
pub(super) const SQL: &str = r#"
DROP VIEW IF EXISTS lamplight_sql.numbered;
DROP VIEW IF EXISTS lamplight_sql.events;
DROP FUNCTION IF EXISTS lamplight_sql.profile_at(uuid, text, text, bigint);
DROP FUNCTION IF EXISTS lamplight_sql.first_row();
DROP FUNCTION IF EXISTS lamplight_sql.end_row();

CREATE FUNCTION lamplight_sql.first_row() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT nullif(pg_catalog.current_setting('lamplight.first_row', true), '')::uuid $$;
CREATE FUNCTION lamplight_sql.end_row() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT nullif(pg_catalog.current_setting('lamplight.end_row', true), '')::uuid $$;

-- What was known about a user when a row was stored. The texts of a version and of the changes since
-- are added up: of each member the last one counts, and null removes it. Two characters that no name
-- has stand for two escapes, because PostgreSQL's functions for JSON refuse one of them.
CREATE FUNCTION lamplight_sql.profile_at(row_id uuid, user_id text, anonymous_id text, at bigint)
RETURNS json LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner bytea := convert_to(coalesce('user:' || user_id, 'anonymous:' || anonymous_id), 'UTF8');
  owner_key uuid;
  row_week integer := ((('x' || left(replace(row_id::text, '-', ''), 12))::bit(48)::bigint + 259200000) / 604800000)::integer;
  texts text[];
  shown text;
BEGIN
  IF owner IS NULL THEN
    RETURN NULL;
  END IF;
  IF position('\xf48fbfbf'::bytea in owner) > 0 THEN
    owner := decode(replace(replace(encode(owner, 'hex'), 'f48fbfbf30', '00'), 'f48fbfbf31', 'f48fbfbf'), 'hex');
  END IF;
  owner_key := encode(substring(sha256(owner) FROM 1 FOR 16), 'hex')::uuid;
  SELECT array_agg(part.json ORDER BY part.revision) INTO texts
    FROM lamplight.profile_versions AS last
    JOIN lamplight.profile_versions AS part ON part.key = last.key AND part.week = last.week
      AND part.revision BETWEEN last.base AND last.revision
    WHERE last.key = owner_key AND last.week = row_week AND last.revision = at;
  IF texts IS NULL OR cardinality(texts) = 1 THEN
    RETURN texts[1]::json;
  END IF;
  WITH parts AS (
    SELECT place, replace(replace(part, '\\', chr(1114110)), '\u0000', chr(1114109))::json AS part
    FROM unnest(texts) WITH ORDINALITY AS all_parts (part, place)
  ), members AS (
    SELECT subject, member.key AS name, member.value::text AS value, place, number
    FROM parts, (VALUES (1, 'traits'), (2, 'experiments')) AS subjects (subject, word),
      json_each(coalesce(part -> word, '{}')) WITH ORDINALITY AS member (key, value, number)
  ), latest AS (
    SELECT DISTINCT ON (subject, name) subject, name, value FROM members
    ORDER BY subject, name, place DESC, number DESC
  ), subjects AS (
    SELECT subject, string_agg(to_json(name)::text || ':' || value, ',' ORDER BY name COLLATE "C") AS body
    FROM latest WHERE value <> 'null' GROUP BY subject
  )
  SELECT '{' || coalesce(string_agg(CASE subject WHEN 1 THEN '"traits":{' ELSE '"experiments":{' END || body || '}', ','
    ORDER BY subject), '') || '}' INTO shown FROM subjects;
  RETURN replace(replace(shown, chr(1114109), '\u0000'), chr(1114110), '\\')::json;
END
$$;

CREATE VIEW lamplight_sql.events AS SELECT id, type, name, source, ts_ms, time_ms, received_ms, created_day,
  user_id, anonymous_id, session, producer, seq, event_id, payload_id, payload_index, properties, context, monitor,
  enrichment, CASE WHEN profile_revision IS NULL THEN profile
    ELSE lamplight_sql.profile_at(id, user_id, anonymous_id, profile_revision) END AS profile
FROM lamplight.events WHERE id >= lamplight_sql.first_row() AND id < lamplight_sql.end_row();

-- The rows of a payload have ids that differ in their last two bytes.
CREATE VIEW lamplight_sql.numbered AS SELECT event.id, event.type, event.name, event.source, event.ts_ms, event.time_ms,
  event.received_ms, event.created_day, event.user_id, event.anonymous_id, event.session, run.producer, event.seq,
  event.event_id, event.payload_id, event.payload_index, event.properties, event.context, event.monitor,
  event.enrichment, CASE WHEN event.profile_revision IS NULL THEN event.profile
    ELSE lamplight_sql.profile_at(event.id, event.user_id, event.anonymous_id, event.profile_revision) END AS profile
FROM lamplight.runs AS run JOIN lamplight.events AS event
  ON event.id BETWEEN run.first_id AND overlay(run.first_id::text PLACING 'ffff' FROM 33)::uuid
  AND event.producer = run.producer AND event.seq BETWEEN run.first AND run.last
WHERE run.first_id >= lamplight_sql.first_row() AND run.first_id < lamplight_sql.end_row();

REVOKE ALL ON SCHEMA lamplight, lamplight_sql FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA lamplight_sql FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA lamplight_sql FROM PUBLIC;
"#;
