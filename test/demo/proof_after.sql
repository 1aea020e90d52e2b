-- usage_events is the new table, usage_events_old mirrors it.
INSERT INTO demo_proof
WITH new AS (SELECT id, event_id, tenant, metric, quantity, price, occurred_at, labels FROM usage_events),
     old AS (SELECT id::bigint, event_id, tenant, metric, quantity, price, occurred_at, attributes FROM usage_events_old),
     difference AS ((TABLE old EXCEPT ALL TABLE new) UNION ALL (TABLE new EXCEPT ALL TABLE old))
SELECT clock_timestamp(), 'usage_events', 'usage_events_old', (SELECT count(*) FROM new), (SELECT count(*) FROM difference);
SELECT rows, differences FROM demo_proof ORDER BY at DESC LIMIT 1;
