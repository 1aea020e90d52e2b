\set id random(1, 2 * :rows)
\set region random(0, 24)
\set what random(0, 3)
BEGIN;
SELECT coalesce(array_agg(id), '{}') AS ids FROM (SELECT id FROM part_item WHERE id = :id FOR UPDATE) l \gset
\if :what = 0
DELETE FROM part_item WHERE id = ANY (':ids');
\elif :what = 1
UPDATE part_item SET n = n + 1 WHERE id = ANY (':ids');
\else
UPDATE part_item SET region = :region, n = n + 1 WHERE id = ANY (':ids');
\endif
SELECT note_part(':ids');
COMMIT;
