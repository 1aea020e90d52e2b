\set n random(0, 1000)
\set id random(1, 2 * :rows)
BEGIN;
WITH w AS (UPDATE item SET hits = hits + 1 WHERE n = :n AND id > :id RETURNING id)
SELECT coalesce(array_agg(id), '{}') AS ids FROM w \gset
SELECT note(':ids');
COMMIT;
