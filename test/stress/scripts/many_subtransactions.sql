\set id random(1, 2 * :rows)
BEGIN;
SELECT coalesce(many_subtransactions(:id, 80), '{}') AS ids \gset
SELECT note(':ids');
COMMIT;
