CREATE TEMP VIEW mapped AS
SELECT id::bigint, event_id, tenant, metric, quantity, (price * 100)::bigint AS price_cents, occurred_at, attributes
  FROM usage_events;
CREATE TEMP VIEW copied AS
SELECT id, event_id, tenant, metric, quantity, price_cents, occurred_at, attributes
  FROM usage_events_v2;
CREATE TABLE demo_difference AS
(TABLE mapped EXCEPT ALL TABLE copied) UNION ALL (TABLE copied EXCEPT ALL TABLE mapped);
SELECT (SELECT count(*) FROM usage_events) AS source_rows,
       (SELECT count(*) FROM usage_events_v2) AS target_rows,
       (SELECT count(*) FROM demo_difference) AS differences;
SELECT indexrelid::regclass AS index, indisunique AS is_unique, indisvalid AS valid
  FROM pg_index WHERE indrelid = 'usage_events_v2'::regclass ORDER BY 1;
