\set id random(1, 2 * :rows)
\set other random(1, 2 * :rows)
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT coalesce(sum(n), 0) AS total FROM item WHERE id BETWEEN :other AND :other + 10 \gset
WITH w AS (UPDATE item SET n = (:total % 1000)::integer, body = blob(3) WHERE id BETWEEN :id AND :id + 2 RETURNING id)
SELECT coalesce(array_agg(id), '{}') AS ids FROM w \gset
SELECT move_key(:id, :id + 1) AS moved \gset
WITH w AS (DELETE FROM item WHERE id = :other RETURNING id)
SELECT coalesce(array_agg(id), '{}') AS gone FROM w \gset
SELECT note(':ids'), note(':moved'), note(':gone');
COMMIT;
