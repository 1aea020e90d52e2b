\set id random(1, 2 * :rows)
\set gid random(1, 1000000000)
BEGIN;
WITH w AS (UPDATE item SET n = n + 1 WHERE id BETWEEN :id AND :id + 2 RETURNING id)
SELECT coalesce(array_agg(id), '{}') AS ids FROM w \gset
WITH w AS (DELETE FROM item WHERE id = :id + 3 RETURNING id)
SELECT coalesce(array_agg(id), '{}') AS gone FROM w \gset
SELECT note(':ids'), note(':gone');
PREPARE TRANSACTION 'stress :client_id :gid';
\sleep 2 ms
COMMIT PREPARED 'stress :client_id :gid';
