//! Counts everything again that PostgreSQL keeps counts of.

use tokio_postgres::{Client, IsolationLevel};

/// Pairs of numbers that are equal at any moment. A week that was removed takes rows with it that
/// are still counted, and a long log of a delivery is cut short.
const PAIRS: [(&str, &str); 24] = [
    (
        "stored events",
        "(SELECT sum(stored) FROM totals), \
      (SELECT count(*) FROM events) + (SELECT coalesce(sum(removed_events), 0) FROM weeks)",
    ),
    (
        "events with a number are there once",
        "(SELECT count(*) FROM events WHERE seq IS NOT NULL), \
      (SELECT count(*) FROM (SELECT DISTINCT source, producer, seq FROM events WHERE seq IS NOT NULL) AS it)",
    ),
    (
        "events with an id are there once",
        "(SELECT count(*) FROM events WHERE event_id IS NOT NULL), \
      (SELECT count(*) FROM (SELECT DISTINCT source, event_id FROM events WHERE event_id IS NOT NULL) AS it)",
    ),
    (
        "duplicates",
        "(SELECT sum(duplicates) FROM totals), CASE WHEN EXISTS (SELECT FROM weeks WHERE is_removed) \
      THEN (SELECT sum(duplicates) FROM totals) ELSE (SELECT count(*) FROM outcomes WHERE state = 'duplicate') END",
    ),
    (
        "invalid events",
        "(SELECT sum(invalid) FROM totals), CASE WHEN EXISTS (SELECT FROM weeks WHERE is_removed) \
      THEN (SELECT sum(invalid) FROM totals) ELSE (SELECT count(*) FROM outcomes WHERE state = 'invalid') END",
    ),
    (
        "arrivals of applied payloads",
        "(SELECT sum(stored + duplicates + invalid) FROM totals), \
      CASE WHEN EXISTS (SELECT FROM weeks WHERE is_removed) THEN (SELECT sum(stored + duplicates + invalid) FROM totals) \
      ELSE (SELECT coalesce(sum(stored + duplicates + invalid), 0) FROM applied) END",
    ),
    (
        "payloads that left the queue without being applied",
        "(SELECT count(*) FROM payloads \
      WHERE NOT EXISTS (SELECT FROM payload_queue WHERE payload_queue.id = payloads.id) \
      AND NOT EXISTS (SELECT FROM set_aside WHERE set_aside.id = payloads.id) \
      AND NOT EXISTS (SELECT FROM applied WHERE applied.payload_id = payloads.id)), 0",
    ),
    (
        "queued payloads that are gone",
        "(SELECT count(*) FROM (SELECT id FROM payload_queue UNION ALL \
      SELECT id FROM set_aside) AS it WHERE NOT EXISTS (SELECT FROM payloads WHERE payloads.id = it.id)), 0",
    ),
    ("payloads in two places", "(SELECT count(*) FROM payload_queue JOIN set_aside USING (id)), 0"),
    (
        "queued payloads",
        "(SELECT sum(payloads) FROM queue_counts), (SELECT count(*) FROM payload_queue)",
    ),
    (
        "queued events",
        "(SELECT sum(events) FROM queue_counts), (SELECT coalesce(sum(events), 0) FROM payload_queue)",
    ),
    (
        "set aside",
        "(SELECT sum(set_aside) FROM queue_counts), \
      (SELECT count(*) FROM set_aside WHERE discarded_ms IS NULL)",
    ),
    (
        "events set aside",
        "(SELECT sum(set_aside_events) FROM queue_counts), \
      (SELECT coalesce(sum(events), 0) FROM set_aside WHERE discarded_ms IS NULL)",
    ),
    (
        "producers",
        "(SELECT coalesce(sum(producers), 0) FROM sources), (SELECT count(*) FROM producers)",
    ),
    (
        "made",
        "(SELECT coalesce(sum(made), 0) FROM sources), (SELECT coalesce(sum(made), 0) FROM producers)",
    ),
    (
        "made in all",
        "(SELECT sum(made) FROM totals), (SELECT coalesce(sum(made), 0) FROM producers)",
    ),
    (
        "received",
        "(SELECT coalesce(sum(received), 0) FROM sources), (SELECT coalesce(sum(received), 0) FROM producers)",
    ),
    (
        "received numbers",
        "(SELECT coalesce(sum(received), 0) FROM producers), \
      CASE WHEN EXISTS (SELECT FROM weeks WHERE is_removed) THEN (SELECT coalesce(sum(received), 0) FROM producers) \
      ELSE (SELECT count(*) FROM events WHERE seq IS NOT NULL) \
      + (SELECT count(*) FROM outcomes WHERE state = 'invalid' AND seq IS NOT NULL) END",
    ),
    (
        "missing",
        "(SELECT sum(missing) FROM totals), (SELECT coalesce(sum(missing), 0) FROM producers)",
    ),
    (
        "missing of sources",
        "(SELECT coalesce(sum(missing), 0) FROM sources), \
      (SELECT coalesce(sum(missing), 0) FROM producers)",
    ),
    (
        "waiting deliveries",
        "(SELECT coalesce(sum(waiting), 0) FROM sink_counts), (SELECT count(*) FROM delivery_queue)",
    ),
    (
        "dead letters",
        "(SELECT coalesce(sum(dead), 0) FROM sink_counts), (SELECT count(*) FROM dead_letters)",
    ),
    (
        "deliveries",
        "(SELECT coalesce(sum(waiting + sent + dead + dropped + discarded), 0) FROM sink_counts), \
      CASE WHEN EXISTS (SELECT FROM weeks WHERE is_removed) \
      THEN (SELECT coalesce(sum(waiting + sent + dead + dropped + discarded), 0) FROM sink_counts) \
      ELSE (SELECT count(*) FROM deliveries WHERE step = 0) END",
    ),
    (
        "deliveries that are not where their log says",
        "(SELECT count(*) FROM \
      (SELECT DISTINCT ON (event_id, sink) event_id, sink, state, step, \
       count(*) OVER (PARTITION BY event_id, sink) AS steps FROM deliveries ORDER BY event_id, sink, step DESC) AS last \
      LEFT JOIN delivery_queue AS queue USING (event_id, sink) LEFT JOIN dead_letters AS dead USING (event_id, sink) \
      WHERE (last.steps <> last.step + 1 AND last.step < 50) OR (state IN ('queued', 'retry')) <> (queue.due_ms IS NOT NULL) \
      OR (state = 'dead') <> (dead.reason IS NOT NULL) \
      OR coalesce(queue.steps, dead.steps, last.step + 1) <> last.step + 1), 0",
    ),
];

/// What does not add up, all read in one snapshot. It is older than the plan: a statement that
/// takes its snapshot after it was planned does not see a partition that was made in between.
pub(super) async fn faults(client: &mut Client) -> Vec<String> {
    let pairs = PAIRS.map(|(_, pair)| pair).join(", ");
    let snapshot = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
    let snapshot = snapshot.read_only(true).start().await.unwrap();
    let row = snapshot.query_one(&format!("SELECT ARRAY[{pairs}]::bigint[]"), &[]).await.unwrap();
    let numbers: Vec<i64> = row.get(0);
    let found = PAIRS.iter().zip(numbers.chunks(2)).filter(|(_, pair)| pair[0] != pair[1]);
    found.map(|((what, _), pair)| format!("{what}: {} and {}", pair[0], pair[1])).collect()
}
