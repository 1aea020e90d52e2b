-- One statement of the application, which is a transaction of its own.
\set kind random(1, 4)
\set id random(1, :rows)
\if :kind = 1
INSERT INTO source (event, tenant, amount, occurred_at, attributes)
VALUES (gen_random_uuid(), 'tenant-' || :id % 5000, 1.25, now(), '{"plan": 1, "ok": true}');
\elif :kind = 2
DELETE FROM source WHERE id = :id;
\else
UPDATE source SET amount = amount + 1 WHERE id = :id;
\endif
