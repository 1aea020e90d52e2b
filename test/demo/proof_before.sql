-- usage_events is the old table, usage_events_new mirrors it.
CREATE TABLE IF NOT EXISTS demo_proof (at timestamptz, "table" text, mirror text, rows bigint, differences bigint);
INSERT INTO demo_proof
WITH old AS (SELECT id::bigint, event_id, tenant, metric, quantity, price, occurred_at, attributes FROM usage_events),
     new AS (SELECT id, event_id, tenant, metric, quantity, price, occurred_at, labels FROM usage_events_new),
     difference AS ((TABLE old EXCEPT ALL TABLE new) UNION ALL (TABLE new EXCEPT ALL TABLE old))
SELECT clock_timestamp(), 'usage_events', 'usage_events_new', (SELECT count(*) FROM old), (SELECT count(*) FROM difference);
SELECT rows, differences FROM demo_proof ORDER BY at DESC LIMIT 1;
