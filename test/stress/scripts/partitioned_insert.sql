\set id random(1, 2 * :rows)
\set region random(0, 24)
BEGIN;
SELECT pg_advisory_xact_lock(:id);
WITH w AS (INSERT INTO part_item (id, region, body) SELECT :id, :region, blob(2)
    WHERE NOT EXISTS (SELECT FROM part_item WHERE id = :id) ON CONFLICT DO NOTHING RETURNING id)
SELECT coalesce(array_agg(id), '{}') AS ids FROM w \gset
SELECT note_part(':ids');
COMMIT;
