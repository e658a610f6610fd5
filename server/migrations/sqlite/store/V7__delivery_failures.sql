-- How a delivery has failed: when first, when last in a request of its own, and how often by itself, while the
-- sink took others.
ALTER TABLE delivery_queue ADD COLUMN first_failed_ms INTEGER;
ALTER TABLE delivery_queue ADD COLUMN alone_failed_ms INTEGER;
ALTER TABLE delivery_queue ADD COLUMN own_failures INTEGER NOT NULL DEFAULT 0;

-- Finds the few deliveries that fail by themselves, which are leased alone.
CREATE INDEX delivery_queue_isolated ON delivery_queue (sink, due_ms, event_id) WHERE own_failures > 0;
