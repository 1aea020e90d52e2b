\set id random(1, 2 * :rows)
\set n random(0, 1000)
BEGIN;
WITH w AS (INSERT INTO item AS i (id, n, amount, partner) SELECT k, :n, 3, k + 1 FROM generate_series(:id, :id + 3) k
    ON CONFLICT (id) DO UPDATE SET n = i.n + 1, amount = EXCLUDED.amount + i.amount WHERE i.n < 5000 RETURNING id)
SELECT coalesce(array_agg(id), '{}') AS ids FROM w \gset
SELECT note(':ids');
COMMIT;
