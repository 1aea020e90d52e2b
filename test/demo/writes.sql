-- One transaction of the application: a new event, a correction, now and then a deletion.
\set event random(1, :rows)
\set other random(1, :rows)
\set tenant random(1, 5000)
BEGIN;
INSERT INTO usage_events (tenant, metric, quantity, price, occurred_at)
VALUES ('tenant-' || :tenant, 'api.calls', :tenant % 100, 1.25, now());
UPDATE usage_events SET quantity = quantity + 1, price = price + 0.01 WHERE id = :event;
DELETE FROM usage_events WHERE id = :other AND :tenant % 10 = 0;
COMMIT;
