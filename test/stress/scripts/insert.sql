\set id random(1, 2 * :rows)
\set owner random(1, 40)
\set n random(0, 1000)
\set size random(0, 4) / 4 * 200
BEGIN;
WITH w AS (INSERT INTO item (id, owner_id, keeper_id, n, amount, partner, code, body)
    VALUES (:id, (SELECT id FROM owner WHERE id = :owner FOR KEY SHARE),
        (SELECT id FROM owner WHERE id = :owner % 7 FOR KEY SHARE), :n, :n / 7.0, :id / 2, NULL, blob(:size))
    ON CONFLICT (id) DO NOTHING RETURNING id)
SELECT coalesce(array_agg(id), '{}') AS ids FROM w \gset
SELECT note(':ids');
COMMIT;
