CREATE TABLE by_hand (LIKE usage_events_v2 INCLUDING ALL);
CREATE TABLE insert_select_time AS SELECT clock_timestamp() AS started, interval '0' AS took;
INSERT INTO by_hand OVERRIDING SYSTEM VALUE
SELECT id, event_id, tenant, metric, quantity, (price * 100)::bigint, occurred_at, attributes, 'v1' FROM usage_events;
UPDATE insert_select_time SET took = clock_timestamp() - started;
