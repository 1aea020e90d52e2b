\set id random(1, 2 * :rows)
BEGIN;
WITH w AS (DELETE FROM item WHERE id BETWEEN :id AND :id + 2 RETURNING id)
SELECT coalesce(array_agg(id), '{}') AS ids FROM w \gset
SELECT note(':ids');
COMMIT;
