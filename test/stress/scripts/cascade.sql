-- With the owner's row locked, nobody can refer to it any more.
\set owner random(1, 40)
BEGIN;
SELECT count(*) AS there FROM (SELECT FROM owner WHERE id = :owner FOR UPDATE) l \gset
SELECT coalesce(array_agg(id), '{}') AS ids FROM
    (SELECT id FROM item WHERE owner_id = :owner OR keeper_id = :owner ORDER BY id FOR UPDATE) l \gset
DELETE FROM owner WHERE id = :owner;
SELECT note(':ids');
INSERT INTO owner VALUES (:owner, 'again') ON CONFLICT (id) DO NOTHING;
COMMIT;
