\set id random(1, 2 * :rows)
BEGIN;
WITH w AS (DELETE FROM item WHERE id = :id RETURNING id)
SELECT coalesce(array_agg(id), '{}') AS ids FROM w \gset
WITH w AS (INSERT INTO app (id, n, status) SELECT unnest(':ids'::integer[]), 4, 'again' RETURNING id)
SELECT coalesce(array_agg(id), '{}') AS more FROM w \gset
SELECT note(':ids');
COMMIT;
