-- Ten events of a metering pipeline, in one transaction: nine new ones, and one that corrects an earlier one.
\set corrected random(1, :rows)
\set tenant random(1, 5000)
BEGIN;
INSERT INTO source (event, tenant, amount, occurred_at, attributes)
SELECT gen_random_uuid(), 'tenant-' || (:tenant + n), round((0.25 * :tenant)::numeric, 4), now(),
       jsonb_build_object('plan', :tenant % 7, 'ok', :tenant % 3 = 0)
  FROM generate_series(1, 9) AS n;
UPDATE source SET amount = amount + 1 WHERE id = :corrected;
COMMIT;
