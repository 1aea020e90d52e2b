-- One event of a metering pipeline, which is a transaction of its own; one in ten corrects an earlier one.
\set kind random(1, 10)
\set corrected random(1, :rows)
\set tenant random(1, 5000)
\if :kind = 1
UPDATE source SET amount = amount + 1 WHERE id = :corrected;
\else
INSERT INTO source (event, tenant, amount, occurred_at, attributes)
VALUES (gen_random_uuid(), 'tenant-' || :tenant, round((0.25 * :tenant)::numeric, 4), now(),
        jsonb_build_object('plan', :tenant % 7, 'ok', :tenant % 3 = 0));
\endif
