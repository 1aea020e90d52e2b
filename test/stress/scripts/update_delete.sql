\set id random(1, 2 * :rows)
BEGIN;
WITH w AS (UPDATE item SET n = n + 1 WHERE id = :id RETURNING id)
SELECT coalesce(array_agg(id), '{}') AS ids FROM w \gset
WITH w AS (DELETE FROM item WHERE id = ANY (':ids') RETURNING id)
SELECT count(*) AS deleted FROM w \gset
SELECT note(':ids');
COMMIT;
