-- What a key may do beyond its kind: NULL for no limit. Origins are a JSON array of texts.
ALTER TABLE keys ADD COLUMN origins_json TEXT;
ALTER TABLE keys ADD COLUMN bytes_per_s INTEGER;
ALTER TABLE keys ADD COLUMN events_per_s INTEGER;
