\set id random(1, 2 * :rows)
\set n random(0, 1000)
BEGIN;
WITH w AS (UPDATE item SET n = :n, amount = amount + 1, keeper_id = CASE WHEN :n % 3 = 0 THEN NULL ELSE keeper_id END
    WHERE id BETWEEN :id AND :id + 5 RETURNING id)
SELECT coalesce(array_agg(id), '{}') AS ids FROM w \gset
SELECT note(':ids');
COMMIT;
