\set id random(1, 2 * :rows)
\set n random(0, 1000)
BEGIN;
WITH w AS (UPDATE app SET status = 'v' || :n, amount = amount - 1 WHERE id = :id RETURNING id)
SELECT coalesce(array_agg(id), '{}') AS ids FROM w \gset
WITH w AS (INSERT INTO app (id, status, n) VALUES (:id + 1, 'by view', 4) ON CONFLICT (id) DO NOTHING RETURNING id)
SELECT coalesce(array_agg(id), '{}') AS more FROM w \gset
SELECT note(':ids'), note(':more');
COMMIT;
